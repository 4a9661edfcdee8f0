import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { openEmbedded } from '../../src/platform/db/embedded.ts'
import { withOwner } from '../../src/platform/db/migrate.ts'

/** A server under test, as an operator runs it: the command, in a process of its own, on a folder of its own. */
export interface Stand {
  readonly url: string
  readonly operatorKey: string
  ownerUrl(): Promise<string>
  killServer(): Promise<void>
  killPostgres(): Promise<void>
  /** Starts what is not running; answers once it is ready. */
  start(): Promise<void>
  /** SIGTERM; answers the exit code. */
  terminate(): Promise<number | null>
  /** What the server has written since it started last. */
  output(): string
  /** The server's process; another one after a restart. */
  pid(): number | undefined
  close(): Promise<void>
}

export interface StandOptions {
  /** Settings of a PostgreSQL that this process runs for the server, in place of the server's own embedded one. */
  readonly postgres?: Readonly<Record<string, string | boolean>>
  readonly env?: Readonly<Record<string, string>>
}

const SECRET = 'a-secret-for-tests-of-32-characters'
const COMMAND = resolve(import.meta.dirname, '../../bin/cognitionos.js')
const READY_MS = 60_000

const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) })
    .then(({ status }) => status === 200)
    .catch(() => false)

const ended = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

export const openStand = async ({ postgres, env = {} }: StandOptions = {}): Promise<Stand> => {
  const folder = await mkdtemp(join(tmpdir(), 'cognitionos-fault-'))
  const dataDir = join(folder, 'data')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const beside = postgres && (await openEmbedded({ dataDir, log: pino({ level: 'silent' }), config: postgres }))
  const database = beside ? { DATABASE_URL: beside.adminUrl, COGNITIONOS_SECRET: SECRET } : {}
  let child: ChildProcess | undefined
  let output = ''
  let operatorKey = ''

  const postmaster = async (): Promise<string[]> =>
    (await readFile(join(dataDir, 'pg', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const postmasterPid = async (): Promise<number> => (beside ? beside.pid : Number((await postmaster())[0]))

  const launch = (): void => {
    output = ''
    const settings = {
      COGNITIONOS_DATA_DIR: dataDir,
      PORT: String(port),
      LOG_LEVEL: 'warn',
      LIMIT_REQUESTS: 'false',
      ...database,
      ...env,
    }
    const next = spawn(process.execPath, [COMMAND, 'serve'], {
      cwd: folder,
      env: { PATH: process.env.PATH, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [next.stdout, next.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    child = next
  }

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const running = child
    if (!running || ended(running)) return running?.exitCode ?? null
    const exit = once(running, 'exit')
    running.kill(signal)
    await exit
    return running.exitCode
  }

  const start = async (): Promise<void> => {
    if (!child || ended(child)) launch()
    for (const until = performance.now() + READY_MS; !(await isReady(url)); await sleep(25))
      if (performance.now() > until || !child || ended(child)) throw new Error(`the server did not become ready: ${output}`)
  }

  const stand: Stand = {
    url,
    get operatorKey() {
      return operatorKey
    },
    output: () => output,
    pid: () => child?.pid,
    async ownerUrl() {
      if (beside) return beside.adminUrl
      const password = (await readFile(join(dataDir, 'password'), 'utf8')).trim()
      return `postgres://postgres:${password}@127.0.0.1:${(await postmaster())[3]}/cognitionos`
    },
    async killServer() {
      await end('SIGKILL')
    },
    async killPostgres() {
      const pid = await postmasterPid()
      process.kill(pid, 'SIGKILL')
      // Until its successor is there: what answers before then is the past.
      for (let now = pid; !(now > 0 && now !== pid); now = await postmasterPid()) await sleep(10)
    },
    start,
    terminate: () => end('SIGTERM'),
    async close() {
      await end('SIGTERM')
      await beside?.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await start()
    // The key is printed once, after the server listens.
    for (let left = 400; left > 0 && operatorKey === ''; left -= 1) {
      operatorKey = /cog_op_\w+/.exec(output)?.[0] ?? ''
      if (operatorKey === '') await sleep(25)
    }
    if (operatorKey === '') throw new Error(`no operator key was printed: ${output}`)
    return stand
  } catch (error) {
    await stand.close()
    throw error
  }
}

/** Asks the database itself, as its owner. */
export const inDatabase = async <R extends object>(stand: Stand, text: string, values: unknown[] = []): Promise<R[]> =>
  withOwner(await stand.ownerUrl(), async (owner) => (await owner.query<R>(text, values)).rows)
