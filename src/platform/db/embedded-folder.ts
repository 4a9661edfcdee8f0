import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type AppError, configError } from '../errors.ts'
import type { Account } from './embedded-account.ts'
import type { Binaries } from './embedded-binaries.ts'

/** The cluster inside the data folder, and the name by which its account reaches it. */
export interface Cluster {
  readonly pgdata: string
  readonly argument: string
  readonly password: string
}

const run = promisify(execFile)
// The locale of the server's messages: we read some of them.
export const SERVER_ENV = { LC_ALL: 'C', PATH: '/usr/local/bin:/usr/bin:/bin' }
/** A process's own working directory, however closed the folders above it are. */
const OWN_DIRECTORY = '/proc/self/cwd'

/** Makes the folder, and refuses one that holds somebody else's files. */
export async function claimFolder(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true })
    const names = (await readdir(dataDir)).filter((name) => name !== 'lost+found')
    if (names.length > 0 && !names.includes('lock')) throw foreign(dataDir)
  } catch (error) {
    throw blocked(dataDir, error)
  }
}

/** Private to us. As root, PostgreSQL's account may pass through to its own part, and look at nothing on the way. */
export async function closeFolder(dataDir: string, account: Account | undefined): Promise<void> {
  const { uid } = await stat(dataDir)
  await chmod(dataDir, account && account.uid !== uid ? 0o711 : 0o700).catch((error: unknown) => {
    throw blocked(dataDir, error)
  })
}

/** Opens the cluster, creating it the first time. Creation is atomic: it happens beside and is moved into place. */
export async function openCluster(dataDir: string, binaries: Binaries, account: Account | undefined): Promise<Cluster> {
  const pgdata = join(dataDir, 'pg')
  const argument = await reachableName(dataDir, pgdata, account)
  const version = await readFile(join(pgdata, 'PG_VERSION'), 'utf8').catch(() => undefined)
  const cluster = { pgdata, argument, password: await readPassword(dataDir, version !== undefined, account) }
  if (version === undefined) await createCluster(dataDir, cluster, binaries, account)
  else if (Number(version) !== binaries.major) throw otherMajor(dataDir, version.trim(), binaries.major)
  return cluster
}

/**
 * A folder below a closed one (/root is 0700) cannot be reached by name. Node enters it before it gives root up, and PostgreSQL
 * is told to use the directory it stands in; each of its processes stays there.
 */
async function reachableName(dataDir: string, pgdata: string, account: Account | undefined): Promise<string> {
  if (!account) return pgdata
  const reachable = await run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', dataDir], { ...account, cwd: '/', env: SERVER_ENV }).then(
    () => true,
    () => false,
  )
  if (reachable) return pgdata
  if (await stat(OWN_DIRECTORY).catch(() => undefined)) return OWN_DIRECTORY
  throw configError(
    'data_folder_unreachable',
    `PostgreSQL does not run as root, and uid ${account.uid} cannot reach ${dataDir}; set COGNITIONOS_DATA_DIR to a folder outside closed ones, run as another user, or set DATABASE_URL`,
    { dataDir },
  )
}

async function createCluster(
  dataDir: string,
  cluster: Cluster,
  { initdb }: Binaries,
  account: Account | undefined,
): Promise<void> {
  const { pgdata, argument } = cluster
  const fresh = join(dataDir, 'pg.new')
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { mode: 0o700 })
  if (account) await chown(fresh, account.uid, account.gid)
  const target = argument === pgdata ? fresh : argument
  await run(initdb, ['-D', target, ...CREATE], { ...account, cwd: fresh, env: SERVER_ENV }).catch(async (error: unknown) => {
    await rm(fresh, { recursive: true, force: true })
    const reason = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    const advice = reason.includes('could not look up effective user ID')
      ? ' (give this uid a line in /etc/passwd, or set DATABASE_URL)'
      : ''
    const message = `initdb could not create the cluster in ${dataDir}: ${reason}${advice}`
    throw configError('cluster_not_created', message, { dataDir }, { cause: error })
  })
  await rename(fresh, pgdata)
  await syncFolder(dataDir)
}

const CREATE = [
  '--username=postgres',
  // Relative to the new cluster: by its full name the account may be unable to reach it.
  '--pwfile=../password',
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  // Sorting by bytes with Unicode character classes: the same on every machine, whatever locales it has.
  '--no-locale',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--data-checksums',
  '--no-instructions',
]

/** Also makes the rename of the cluster outlive a power failure. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  await folder.sync().finally(() => folder.close())
}

async function readPassword(dataDir: string, exists: boolean, account: Account | undefined): Promise<string> {
  const path = join(dataDir, 'password')
  const kept = (await readFile(path, 'utf8').catch(() => '')).trim()
  if (kept) return kept
  if (exists) {
    throw configError('password_missing', `${path} is missing or empty; restore it from the backup of this data folder`, { path })
  }
  const password = randomBytes(24).toString('base64url')
  await rm(path, { force: true })
  await writeFile(path, `${password}\n`, { mode: 0o600, flag: 'wx', flush: true })
  if (account) await chown(path, account.uid, account.gid)
  return password
}

const foreign = (dataDir: string): AppError =>
  configError('data_folder_foreign', `${dataDir} holds other files; set COGNITIONOS_DATA_DIR to an empty or a new folder`, {
    dataDir,
  })

const otherMajor = (dataDir: string, found: string, major: number): AppError =>
  configError(
    'data_folder_other_major',
    `the data folder ${dataDir} was created by PostgreSQL ${found}, and this release brings ${major}; dump it with the release that made it (pg_dumpall) and load it into a new folder (COGNITIONOS_DATA_DIR), or set DATABASE_URL`,
    { dataDir, found, major },
  )

const blocked = (dataDir: string, error: unknown): unknown =>
  error instanceof Error && 'syscall' in error
    ? configError(
        'data_folder_blocked',
        `the data folder ${dataDir} cannot be used: ${error.message}; name another folder in COGNITIONOS_DATA_DIR or mend its owner`,
        { dataDir },
        { cause: error },
      )
    : error
