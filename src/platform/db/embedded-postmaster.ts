import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { unavailable } from '../errors.ts'
import type { Account } from './embedded-account.ts'
import { type Cluster, SERVER_ENV } from './embedded-folder.ts'
import type { ServerLog } from './embedded-log.ts'
import { endServersIn, serversIn } from './embedded-processes.ts'
import { type Settings, serverArguments } from './embedded-settings.ts'
import type { Watchdog } from './embedded-watchdog.ts'

export interface Postmaster {
  readonly pid: number
  readonly exited: Promise<string>
  stop(): Promise<void>
}

export interface Launch {
  readonly postgres: string
  readonly cluster: Cluster
  readonly account: Account | undefined
  readonly config: Settings
  readonly log: Logger
  readonly serverLog: ServerLog
  readonly watchdog: Watchdog
}

const POLL_MS = 15
const STILL_RECOVERING_MS = 5_000
const FAST_MS = 20_000
const IMMEDIATE_MS = 6_000

/** Resolves once it accepts connections. Recovery may take long, so there is no time limit: it ends by success, exit or `cancel`. */
export async function startPostmaster(launch: Launch, port: number, cancel: AbortSignal): Promise<Postmaster> {
  const { postgres, cluster, account, config, log, serverLog, watchdog } = launch
  await clear(cluster.pgdata, log)
  const offset = await serverLog.size()
  const child = serverLog.withFile((fd) =>
    spawn(postgres, ['-D', cluster.argument, ...serverArguments(port, config)], {
      ...account,
      cwd: cluster.pgdata,
      env: SERVER_ENV,
      detached: true,
      stdio: ['ignore', fd, fd],
    }),
  )
  const postmaster = follow(child, watchdog)
  const onCancel = () => void postmaster.stop()
  cancel.addEventListener('abort', onCancel)
  try {
    if ((await ready(cluster.pgdata, child, log)) && !cancel.aborted) return postmaster
    await postmaster.stop()
    const [how, said] = [await postmaster.exited, await serverLog.since(offset)]
    throw unavailable('embedded_postgres_start', `PostgreSQL ended while starting (${how}): ${said}`)
  } finally {
    cancel.removeEventListener('abort', onCancel)
  }
}

/** A server of this folder without us is an orphan: we hold the folder's lock. Its pid file would block a start when the pid is reused. */
async function clear(pgdata: string, log: Logger): Promise<void> {
  const orphans = await serversIn(pgdata)
  if (orphans.length > 0) log.warn({ pids: orphans }, 'stopping what is left of an earlier PostgreSQL in this data folder')
  await endServersIn(pgdata)
  await rm(join(pgdata, 'postmaster.pid'), { force: true })
}

function follow(child: ChildProcess, watchdog: Watchdog): Postmaster {
  if (child.pid) watchdog.watch(child.pid)
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  void exited.then(() => watchdog.forget())
  const stop = async (): Promise<void> => {
    if (!child.pid) return
    for (const [signal, patience] of STAGES) {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      await within(patience, exited)
    }
  }
  return { pid: child.pid ?? 0, exited, stop }
}

const STAGES: readonly [NodeJS.Signals, number][] = [
  ['SIGINT', FAST_MS],
  ['SIGQUIT', IMMEDIATE_MS],
  ['SIGKILL', IMMEDIATE_MS],
]

async function within(ms: number, event: Promise<unknown>): Promise<void> {
  const timer = new AbortController()
  await Promise.race([event, sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined)])
  timer.abort()
}

/** The postmaster writes its state into the eighth line of its pid file. False: it ended before it was ready. */
async function ready(pgdata: string, child: ChildProcess, log: Logger): Promise<boolean> {
  let tellAt = performance.now() + STILL_RECOVERING_MS
  while (child.pid && child.exitCode === null && child.signalCode === null) {
    const lines = (await readFile(join(pgdata, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true
    if (performance.now() > tellAt) {
      log.warn('PostgreSQL is still starting; after a crash it replays its log, which can take minutes')
      tellAt = performance.now() + STILL_RECOVERING_MS
    }
    await sleep(POLL_MS)
  }
  return false
}
