import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import pino from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Embedded, openEmbedded } from './embedded.ts'
import { findBinaries, installedPackage } from './embedded-binaries.ts'
import { serverLog } from './embedded-log.ts'
import { serversIn } from './embedded-processes.ts'

const run = promisify(execFile)
const log = pino({ level: 'silent' })
const asRoot = process.geteuid?.() === 0
const linux = process.platform === 'linux'

let base = ''
let template = ''
const open: Embedded[] = []

/** A child that opens the folder and prints {pid, port, adminUrl} once it is ready. */
const HOLDER = `
import { openEmbedded } from ${JSON.stringify(new URL('./embedded.ts', import.meta.url).href)}
import pino from 'pino'
const server = await openEmbedded({ dataDir: process.argv[1], log: pino({ level: 'silent' }) })
console.log(JSON.stringify({ pid: server.pid, adminUrl: server.adminUrl }))
`

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'cos-embedded-'))
  await chmod(base, 0o711)
  template = join(base, 'template')
  await (await openEmbedded({ dataDir: template, log })).stop()
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.stop()))
})
afterAll(() => rm(base, { recursive: true, force: true }))

let folders = 0
/** A cluster that exists already, so that a test costs a warm start and no initdb. */
async function folder(under = base): Promise<string> {
  const path = join(under, `data-${++folders}`)
  await run('cp', ['-a', template, path])
  return path
}
async function start(dataDir: string, config = {}): Promise<Embedded> {
  const server = await openEmbedded({ dataDir, log, config })
  open.push(server)
  return server
}
async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat()
  } finally {
    await client.end().catch(() => undefined)
  }
}
async function until(condition: () => Promise<boolean>, ms: number): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(50)) if (await condition()) return true
  return condition()
}
const pgdata = (dataDir: string): string => join(dataDir, 'pg')

async function hold(dataDir: string): Promise<{ child: ChildProcess; pid: number; adminUrl: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (!child.stdout) throw new Error('no output')
  const [line] = await once(child.stdout, 'data')
  return { child, ...JSON.parse(String(line)) }
}

describe('the server', () => {
  test('is durable, on loopback only, behind a password, and keeps its secrets to itself', async () => {
    const dataDir = await folder()
    const server = await start(dataDir)
    const names = [
      'fsync',
      'synchronous_commit',
      'full_page_writes',
      'listen_addresses',
      'unix_socket_directories',
      'timezone',
      'jit',
    ]
    const columns = names.map((name) => `current_setting('${name}')`).join(',')
    expect(await query(server.adminUrl, `SELECT ${columns}`)).toEqual(['on', 'on', 'on', '127.0.0.1', '', 'UTC', 'off'])
    expect(
      await query(
        server.adminUrl,
        "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'postgres'",
      ),
    ).toEqual(['b', 'C.UTF-8', 'UTF8'])
    expect(await query(server.adminUrl, 'SELECT DISTINCT auth_method FROM pg_hba_file_rules')).toEqual(['scram-sha-256'])
    const wrong = server.adminUrl.replace(/:[^:@]+@/, ':wrong@')
    await expect(query(wrong, 'SELECT 1')).rejects.toThrow('password authentication failed')
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600)
    expect((await stat(pgdata(dataDir))).mode & 0o777).toBe(0o700)
    expect((await stat(dataDir)).mode & 0o066).toBe(0)
  })

  test('keeps the data over a stop; stop is idempotent and leaves no process and no lock', async () => {
    const dataDir = await folder()
    const first = await start(dataDir, { synchronous_commit: false })
    expect(await query(first.adminUrl, "SELECT current_setting('synchronous_commit')")).toEqual(['off'])
    await query(first.adminUrl, 'CREATE TABLE kept AS SELECT 42 AS n')
    await Promise.all([first.stop(), first.stop()])
    await first.stop()
    expect(await serversIn(pgdata(dataDir))).toEqual([])
    const second = await start(dataDir)
    expect(await query(second.adminUrl, 'SELECT n FROM kept')).toEqual([42])
  })

  test('a wrong setting is answered with what PostgreSQL says, and the folder is free again', async () => {
    const dataDir = await folder()
    await expect(openEmbedded({ dataDir, log, config: { no_such_setting: 1 } })).rejects.toThrow('no_such_setting')
    await start(dataDir)
  })

  test('two clusters run beside each other', async () => {
    const [a, b] = await Promise.all([folder().then((dir) => start(dir)), folder().then((dir) => start(dir))])
    expect(a.port).not.toBe(b.port)
  })
})

describe('the folder', () => {
  test('a second process, and a second opening in this one, fail at once and name the holder', async () => {
    const dataDir = await folder()
    const { child } = await hold(dataDir)
    const begun = performance.now()
    await expect(openEmbedded({ dataDir, log })).rejects.toMatchObject({
      code: 'data_folder_in_use',
      message: expect.stringContaining(`in use by process ${child.pid}; stop it, or set DATABASE_URL`),
    })
    expect(performance.now() - begun).toBeLessThan(1_000)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await start(dataDir)
    await expect(openEmbedded({ dataDir, log })).rejects.toMatchObject({ details: { pid: process.pid } })
  })

  test('of ten that race for it exactly one wins', async () => {
    const dataDir = await folder()
    const tries = await Promise.allSettled(Array.from({ length: 10 }, () => start(dataDir)))
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('of another major version is refused in words', async () => {
    const dataDir = await folder()
    await writeFile(join(pgdata(dataDir), 'PG_VERSION'), '17\n')
    await expect(openEmbedded({ dataDir, log })).rejects.toThrow('was created by PostgreSQL 17, and this release brings 18')
  })

  test("with somebody else's files is refused and left as it is", async () => {
    const dataDir = join(base, 'foreign')
    await mkdir(dataDir, { mode: 0o755 })
    await writeFile(join(dataDir, 'thesis.txt'), 'mine')
    await expect(openEmbedded({ dataDir, log })).rejects.toMatchObject({ code: 'data_folder_foreign' })
    expect((await stat(dataDir)).mode & 0o777).toBe(0o755)
  })

  test.runIf(asRoot && linux)(
    'below a folder closed to everybody but root works: create, stop, crash, new databases (root on Linux)',
    async () => {
      const closed = join(base, 'closed')
      await mkdir(closed, { mode: 0o700 })
      const server = await start(join(closed, 'data'))
      await query(server.adminUrl, 'CREATE DATABASE another')
      const another = server.adminUrl.replace(/postgres$/, 'another')
      await query(another, 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS n')
      process.kill(server.pid, 'SIGKILL')
      expect(
        await until(async () => (await query(another, 'SELECT count(*)::int FROM t').catch(() => []))[0] === 1000, 10_000),
      ).toBe(true)
    },
  )
})

describe('a crash', () => {
  test('kill -9 of the parent: no process is left within 5 s, and the next start has every commit', async () => {
    const dataDir = await folder()
    const { child, adminUrl } = await hold(dataDir)
    await query(adminUrl, 'CREATE TABLE kept AS SELECT 7 AS n')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await until(async () => (await serversIn(pgdata(dataDir))).length === 0, 20_000)).toBe(true)
    expect(await query((await start(dataDir)).adminUrl, 'SELECT n FROM kept')).toEqual([7])
  })

  test.runIf(linux)('kill -9 of the parent and its watchdog: the next start ends the orphan and recovers (Linux)', async () => {
    const dataDir = await folder()
    const { child, pid, adminUrl } = await hold(dataDir)
    await query(adminUrl, 'CREATE TABLE kept AS SELECT 7 AS n')
    const watchdogs = (await childrenOf(child.pid)).filter((n) => n !== pid)
    // The parent cannot start another watchdog while it stands still.
    child.kill('SIGSTOP')
    for (const watchdog of watchdogs) process.kill(watchdog, 'SIGKILL')
    child.kill('SIGKILL')
    await once(child, 'exit')
    await sleep(300)
    expect(await serversIn(pgdata(dataDir))).toContain(pid)
    const server = await start(dataDir)
    expect(server.pid).not.toBe(pid)
    expect(await serversIn(pgdata(dataDir))).not.toContain(pid)
    expect(await query(server.adminUrl, 'SELECT n FROM kept')).toEqual([7])
  })

  test('kill -9 of PostgreSQL, time after time: it comes back on the same port with every commit', async () => {
    const server = await start(await folder())
    await query(server.adminUrl, 'CREATE TABLE kept (n int)')
    for (let n = 1; n <= 10; n++) {
      await query(server.adminUrl, `INSERT INTO kept VALUES (${n})`)
      const pid = server.pid
      process.kill(pid, 'SIGKILL')
      expect(await until(async () => server.pid !== pid, 10_000)).toBe(true)
      expect(await query(server.adminUrl, 'SELECT count(*)::int FROM kept')).toEqual([n])
    }
  })

  test('stop during a restart ends it', async () => {
    const dataDir = await folder()
    const server = await start(dataDir)
    process.kill(server.pid, 'SIGKILL')
    await sleep(60)
    await server.stop()
    expect(await serversIn(pgdata(dataDir))).toEqual([])
    await start(dataDir)
  })

  test.runIf(linux)('a watchdog that is killed is replaced, and the new one does its work (Linux)', async () => {
    const dataDir = await folder()
    const { child, pid } = await hold(dataDir)
    const others = async () => (await childrenOf(child.pid)).filter((n) => n !== pid)
    const [old] = await others()
    if (old) process.kill(old, 'SIGKILL')
    expect(await until(async () => (await others()).some((n) => n !== old), 20_000)).toBe(true)
    child.kill('SIGKILL')
    expect(await until(async () => (await serversIn(pgdata(dataDir))).length === 0, 20_000)).toBe(true)
  })
})

describe('the binaries', () => {
  test('whose install script never ran are mended in place', async () => {
    const packageDir = await packageCopy('bare')
    const account = asRoot ? { uid: 65534, gid: 65534 } : undefined
    const found = await findBinaries({ account, copyTo: join(base, 'unused'), log, packageDir })
    expect(found).toMatchObject({ major: 18, postgres: join(packageDir, 'native/bin/postgres') })
    expect((await lstat(join(packageDir, 'native/lib/libpq.so.5'))).isSymbolicLink()).toBe(true)
  })

  test.runIf(asRoot)('below a closed folder are copied once to where their account can read them (root)', async () => {
    const packageDir = await packageCopy('closed-package')
    await chmod(dirname(packageDir), 0o700)
    const find = () => findBinaries({ account: { uid: 65534, gid: 65534 }, copyTo: join(base, 'copies'), log, packageDir })
    const [{ postgres }, atOnce] = await Promise.all([find(), find()])
    expect(atOnce.postgres).toBe(postgres)
    expect(postgres).toContain(join(base, 'copies'))
    const { ctimeMs } = await stat(postgres)
    await find()
    expect((await stat(postgres)).ctimeMs).toBe(ctimeMs)
  })

  /** The package as npm unpacks it without scripts: no links, and here without executable bits too. */
  async function packageCopy(name: string): Promise<string> {
    const packageDir = join(base, name, 'package')
    await mkdir(dirname(packageDir))
    await cp(installedPackage(), packageDir, { recursive: true, filter: async (path) => !(await lstat(path)).isSymbolicLink() })
    for (const program of ['initdb', 'postgres']) await chmod(join(packageDir, 'native/bin', program), 0o644)
    return packageDir
  }
})

test('the log and its one older copy stay within their bound', async () => {
  const path = join(base, 'bounded.log')
  await writeFile(path, 'x'.repeat(2_000))
  const unbound = serverLog(path, 1_000).bound()
  expect(await until(async () => (await stat(path)).size === 0, 20_000)).toBe(true)
  unbound()
  expect(await readFile(`${path}.1`, 'utf8')).toHaveLength(2_000)
})

test.runIf(linux)('a warm start costs less than 2 s of CPU, Node included (measured on Linux)', async () => {
  const dataDir = await folder()
  const { child, pid } = await hold(dataDir)
  const server = (await Promise.all([child.pid ?? 0, ...(await serversIn(pgdata(dataDir)))].map(cpuSeconds))).reduce(
    (a, b) => a + b,
  )
  child.kill('SIGKILL')
  expect(pid).toBeGreaterThan(0)
  expect(server).toBeLessThan(2)
  console.info(`warm start: ${server.toFixed(2)} s of CPU`)
})

async function childrenOf(parent: number | undefined): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')))
  return pids.filter((_, i) => Number(stats[i]?.replace(/^.*\) /s, '').split(' ')[1]) === parent).map(Number)
}

/** User and system time of a process and its ended children, in clock ticks of 10 ms. */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ')
  return [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0) / 100
}
