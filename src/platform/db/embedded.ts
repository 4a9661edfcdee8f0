import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { unavailable } from '../errors.ts'
import { serverAccount } from './embedded-account.ts'
import { findBinaries } from './embedded-binaries.ts'
import { claimFolder, closeFolder, openCluster } from './embedded-folder.ts'
import { lockFolder } from './embedded-lock.ts'
import { serverLog } from './embedded-log.ts'
import { type Launch, type Postmaster, startPostmaster } from './embedded-postmaster.ts'
import type { Settings } from './embedded-settings.ts'
import { startWatchdog } from './embedded-watchdog.ts'

export interface Embedded {
  /** postgres:// URL of the cluster's superuser, password inside, database postgres. */
  readonly adminUrl: string
  readonly host: string
  readonly port: number
  readonly dataDir: string
  /** The postmaster now; another one after a crash. */
  readonly pid: number
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  readonly dataDir: string
  readonly log: Logger
  /** PostgreSQL settings over ours. */
  readonly config?: Settings
}

const HOST = '127.0.0.1'
const SHARED_COPY = '/var/cache/cognitionos'
const PORT_TRIES = 5
const RESTART_TRIES = 8

/** A real PostgreSQL in a folder of ours. It lives and dies with this process; while we run, a crash of it is mended on the same port. */
export async function openEmbedded({ dataDir: given, log, config = {} }: EmbeddedOptions): Promise<Embedded> {
  const dataDir = resolve(given)
  await claimFolder(dataDir)
  const lock = lockFolder(dataDir)
  try {
    const account = await serverAccount(join(dataDir, 'pg'), dataDir)
    await closeFolder(dataDir, account)
    const binaries = await findBinaries({ account, log, copyTo: account ? SHARED_COPY : join(dataDir, 'binaries') })
    const cluster = await openCluster(dataDir, binaries, account)
    const watchdog = startWatchdog(account)
    const output = serverLog(join(dataDir, 'postgresql.log'))
    const launch: Launch = { postgres: binaries.postgres, cluster, account, config, log, serverLog: output, watchdog }
    const unbound = output.bound()
    const close = async () => {
      unbound()
      await watchdog.end()
      lock.release()
    }
    try {
      const { port, postmaster } = await startOnFreePort(launch)
      const supervised = supervise(launch, port, postmaster, close)
      log.info({ dataDir, port, pid: postmaster.pid }, 'embedded PostgreSQL is ready')
      const adminUrl = `postgres://postgres:${cluster.password}@${HOST}:${port}/postgres`
      return {
        adminUrl,
        host: HOST,
        port,
        dataDir,
        stop: supervised.stop,
        get pid() {
          return supervised.pid()
        },
      }
    } catch (error) {
      await close()
      throw error
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** A port can be taken between our look and PostgreSQL's bind: then another one. */
async function startOnFreePort(launch: Launch): Promise<{ port: number; postmaster: Postmaster }> {
  for (let left = PORT_TRIES; ; left--) {
    const port = await freePort()
    try {
      return { port, postmaster: await startPostmaster(launch, port, new AbortController().signal) }
    } catch (error) {
      if (left === 0 || !(error instanceof Error && error.message.includes('could not bind'))) throw error
      launch.log.warn({ port }, 'the port was taken meanwhile, trying another')
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer().once('error', failed)
    probe.listen(0, HOST, () => {
      const address = probe.address()
      const port = typeof address === 'object' && address ? address.port : 0
      probe.close(() => (port ? found(port) : failed(unavailable('no_free_port', 'the system gave no free port'))))
    })
  })
}

/** Keeps it running until stop. Failed starts in a row are bounded; a start that succeeded clears the count. */
function supervise(launch: Launch, port: number, first: Postmaster, close: () => Promise<void>) {
  const { log, serverLog: output } = launch
  const stopping = new AbortController()
  let postmaster = first

  const restart = async (): Promise<Postmaster | undefined> => {
    for (let failed = 0; failed < RESTART_TRIES && !stopping.signal.aborted; failed++) {
      if (failed > 0)
        await sleep(Math.min(100 * 2 ** failed, 5_000), undefined, { signal: stopping.signal }).catch(() => undefined)
      try {
        const next = await startPostmaster(launch, port, stopping.signal)
        log.warn({ pid: next.pid, port }, 'embedded PostgreSQL is running again')
        return next
      } catch (error) {
        if (!stopping.signal.aborted) log.error({ err: error }, 'embedded PostgreSQL did not start again')
      }
    }
    if (!stopping.signal.aborted)
      log.fatal({ log: output.path }, 'embedded PostgreSQL stays down; read its log, then restart this process')
    return undefined
  }
  const guard = async (): Promise<void> => {
    for (let running: Postmaster | undefined = first; running; ) {
      postmaster = running
      const how = await running.exited
      if (stopping.signal.aborted) return
      log.error({ how, log: output.path }, 'embedded PostgreSQL ended unexpectedly, restarting it')
      running = await restart()
    }
  }
  const guarding = guard()

  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      stopping.abort()
      await postmaster.stop()
      await guarding
      await close()
      log.info({ port }, 'embedded PostgreSQL stopped')
    })()
    return stopped
  }
  return { stop, pid: () => postmaster.pid }
}
