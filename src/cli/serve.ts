import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { logger } from '../platform/telemetry/log.ts'
import { listenAt } from './listen.ts'
import { print } from './output.ts'
import { openRuntime } from './runtime.ts'

const FLUSH_EVERY_MS = 5_000

/** Resolves at the first Ctrl-C or SIGTERM; the second one ends the process at once. */
export const untilStopped = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      resolve(signal)
      process.once('SIGINT', () => process.exit(130))
    }
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
  })

const serve = async ({ worker: only }: { readonly worker?: true }): Promise<void> => {
  const config = readConfig()
  const log = logger(config.log.level)
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a promise failed unseen'))
  const stopped = untilStopped()
  const runtime = await openRuntime({ config, log })
  const { app } = runtime
  const { host, port, shutdownMs } = config.http
  const runsJobs = only === true || config.worker
  const jobs = runsJobs ? app.worker() : undefined
  if (runsJobs) app.relay.start()
  await jobs?.start()
  const flushing = setInterval(() => {
    void app.flushLastUse().catch((error: unknown) => log.warn({ err: error }, 'last uses of keys wait'))
    void app.flushViolations().catch((error: unknown) => log.warn({ err: error }, 'counts of refusals wait'))
  }, FLUSH_EVERY_MS)
  if (!only) {
    const url = await listenAt(app.http.app, host, port)
    const firstKey = await runtime.firstKey()
    if (firstKey) {
      print(`\nYour operator key, shown this once:\n\n  ${firstKey.secret}\n`)
      print(`Try it:  curl -H "Authorization: Bearer ${firstKey.secret}" ${url}/api/v3/saas/plans\n`)
    }
    log.info({ address: url, docs: `${url}/docs`, embedded: runtime.server.embedded !== undefined }, 'serving')
  } else log.info('working')
  const signal = await stopped
  log.info({ signal }, 'stopping: what began is finished first')
  clearInterval(flushing)
  await app.http.stop(shutdownMs)
  await jobs?.stop()
  await runtime.stop()
  log.info('stopped')
}

export const addServe = (program: Command): void => {
  program
    .command('serve')
    .description('start the server; the jobs run in it unless WORKER=false')
    .action(() => serve({}))
  program
    .command('worker')
    .description('run the jobs and deliver events, without serving')
    .action(() => serve({ worker: true }))
}
