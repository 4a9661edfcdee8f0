import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Packs the package and installs it into an empty project, as a customer would: its command must run and its types must check. */
const root = join(import.meta.dirname, '..')
const project = mkdtempSync(join(tmpdir(), 'cognitionos-package-'))

// Only the project's own node_modules may answer: one that leaks in from here would hide a missing file or dependency.
const outside = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.startsWith(root))

const run = (cwd: string, command: string, ...args: readonly string[]): string => {
  const shell = process.platform === 'win32'
  const env = { ...process.env, PATH: (cwd === root ? [process.env.PATH] : outside).join(delimiter) }
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, shell, encoding: 'utf8', timeout: 240_000 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed (${error?.message ?? status})\n${stdout}\n${stderr}`)
  return stdout
}

const CONSUMER = `import * as cognitionos from 'cognitionos'
import { createLimiter, type Decision } from 'cognitionos/ratelimits'

export const names: readonly string[] = Object.keys(cognitionos)
const limiter = createLimiter({ limits: { api: { algorithm: 'SLIDING_WINDOW', limit: 1, windowMs: 60_000 } } })
export const decision: Decision = limiter.tryAcquireAll([{ limit: 'api', key: 'a' }])
`

/** Prints what the limiter decides, and every module that came with it: the library must pull in nothing of the server. */
const EMBEDDER = `import { registerHooks } from 'node:module'
const loaded = []
registerHooks({
  load(url, context, next) {
    loaded.push(url)
    return next(url, context)
  },
})
const { createLimiter } = await import('cognitionos/ratelimits')
const limiter = createLimiter({ limits: { api: { algorithm: 'SLIDING_WINDOW', limit: 1, windowMs: 60_000 } } })
const answers = [1, 2].map(() => limiter.tryAcquire('api', 'a').allowed)
const foreign = loaded.filter((url) => !/^node:|\\/modules\\/ratelimits\\/limiter\\//.test(url))
console.log(JSON.stringify({ answers, foreign }))
`
const TSCONFIG = {
  compilerOptions: { module: 'nodenext', target: 'esnext', lib: ['esnext', 'esnext.temporal'], strict: true, noEmit: true },
  files: ['consumer.ts'],
}

try {
  run(root, 'npm', 'pack', '--silent', '--pack-destination', project)
  const { name, version }: { name: string; version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', join(project, `${name}-${version}.tgz`))

  const help = run(project, 'npx', '--no-install', 'cognitionos', '--help')
  for (const word of ['serve', 'migrate', 'demo', 'doctor'])
    if (!help.includes(word)) throw new Error(`the installed command's help does not speak of ${word}:\n${help}`)

  writeFileSync(join(project, 'embedder.mjs'), EMBEDDER)
  const embedded = run(project, process.execPath, 'embedder.mjs').trim()
  if (embedded !== '{"answers":[true,false],"foreign":[]}') throw new Error(`the embedded limiter answered ${embedded}`)

  writeFileSync(join(project, 'consumer.ts'), CONSUMER)
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  run(project, process.execPath, tsc, '--skipLibCheck', '-p', '.')
  console.log(
    `${name}-${version}.tgz installs into an empty project; its command runs, its types check, its limiter stands alone`,
  )
} finally {
  rmSync(project, { recursive: true, force: true })
}
