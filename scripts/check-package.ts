import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
import { createLimiter, type Decision, fastifyRateLimit, honoRateLimit } from 'cognitionos/ratelimits'
import Fastify, { type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'

export const names: readonly string[] = Object.keys(cognitionos)
const limits = { api: { algorithm: 'SLIDING_WINDOW', limit: 1, windowMs: 60_000 } } as const
const limiter = createLimiter({ limits })
export const decision: Decision = limiter.tryAcquireAll([{ limit: 'api', key: 'a' }])
const common = { limiter, limits, random: Math.random }
Fastify().register(fastifyRateLimit({ ...common, asks: ({ ip }: FastifyRequest) => [{ limit: 'api', key: ip }] }))
new Hono().use(honoRateLimit({ ...common, asks: ({ req }: Context) => [{ limit: 'api', key: req.path }] }))
`
const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'esnext',
    lib: ['esnext', 'esnext.temporal'],
    types: ['node'],
    strict: true,
    noEmit: true,
  },
  files: ['consumer.ts'],
}

/** What a project has beside the package: frameworks, and the types that these and the package's own declarations name. */
const BESIDE = ['fastify', 'express', 'hono', '@types/node', '@types/pg']

const API = '"api";q=1;w=86400'
const ANSWERS = [
  [200, API, 'served'],
  [429, API, '{"type'],
]
/** What each program of `package-project` prints. */
const PROGRAMS: Readonly<Record<string, unknown>> = {
  'embedder.mjs': { memory: [true, false], redis: [true, false], inFlight: [true, false, true, true], foreign: [] },
  'servers.mjs': { fastify: ANSWERS, express: ANSWERS, hono: ANSWERS },
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

try {
  run(root, 'npm', 'pack', '--silent', '--pack-destination', project)
  const { name, version, dependencies, devDependencies }: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const versions = { ...dependencies, ...devDependencies }
  const beside = BESIDE.map((one) => `${one}@${versions[one]}`)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  run(
    project,
    'npm',
    'install',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    join(project, `${name}-${version}.tgz`),
    ...beside,
  )

  const help = run(project, 'npx', '--no-install', 'cognitionos', '--help')
  for (const word of ['serve', 'migrate', 'demo', 'doctor'])
    if (!help.includes(word)) throw new Error(`the installed command's help does not speak of ${word}:\n${help}`)

  for (const [program, expected] of Object.entries(PROGRAMS)) {
    copyFileSync(join(import.meta.dirname, 'package-project', program), join(project, program))
    const printed = run(project, process.execPath, program).trim()
    if (printed !== JSON.stringify(expected))
      throw new Error(`${program} printed ${printed}\nand not ${JSON.stringify(expected)}`)
  }

  writeFileSync(join(project, 'consumer.ts'), CONSUMER)
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  run(project, process.execPath, tsc, '-p', '.')
  console.log(
    `${name}-${version}.tgz installs into an empty project; its command runs, its types check, its limiter stands alone and in ${BESIDE.slice(0, 3).join(', ')}`,
  )
} finally {
  rmSync(project, { recursive: true, force: true })
}
