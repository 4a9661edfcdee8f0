import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { logger } from '../platform/telemetry/log.ts'
import { listenAt } from './listen.ts'
import { print, printJson, wantsJson } from './output.ts'
import { toPort } from './port.ts'
import { openRuntime } from './runtime.ts'

const FLUSH_EVERY_MS = 5_000
/** Blocks of rate limits that are not used go back as often. */
const SWEEP_EVERY_MS = 250

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

interface Options {
  readonly worker?: true
  readonly port?: number
  readonly json?: boolean
}

/** To stdout; the log goes elsewhere. A program is told where it serves, and both are told the first operator key. */
const tell = (url: string, secret: string | undefined, json: boolean): void => {
  if (json) printJson({ url, operator_key: secret ?? null })
  if (json || secret === undefined) return
  print(`\nYour operator key, shown this once:\n\n  ${secret}\n`)
  print(`Try it:  curl -H "Authorization: Bearer ${secret}" ${url}/api/v3/saas/plans\n`)
}

const serve = async ({ worker: only, port: told, json = false }: Options): Promise<void> => {
  const config = readConfig()
  const log = logger(config.log.level)
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a promise failed unseen'))
  const stopped = untilStopped()
  const runtime = await openRuntime({ config, log })
  const { app } = runtime
  const { host, shutdownMs } = config.http
  const runsJobs = only === true || config.worker
  const jobs = runsJobs ? app.worker() : undefined
  if (runsJobs) app.relay.start()
  await jobs?.start()
  const flushing = setInterval(() => {
    void app.flushLastUse().catch((error: unknown) => log.warn({ err: error }, 'last uses of keys wait'))
    void app.adjustLimits().catch((error: unknown) => log.warn({ err: error }, 'limits that follow the load wait'))
    void app.flushViolations().catch((error: unknown) => log.warn({ err: error }, 'counts of refusals wait'))
    if (!only) void app.countServers().catch(() => {}) // the last count holds; Redis is logged where it is lost
  }, FLUSH_EVERY_MS)
  const sweeping = setInterval(app.sweepLeases, SWEEP_EVERY_MS)
  if (!only) {
    void app.countServers().catch(() => {})
    const url = await listenAt(app.http.app, host, told ?? config.http.port)
    const firstKey = await runtime.firstKey()
    tell(url, firstKey?.secret, json)
    log.info({ address: url, docs: `${url}/docs`, embedded: runtime.server.embedded !== undefined }, 'serving')
  } else log.info('working')
  const signal = await stopped
  log.info({ signal }, 'stopping: what began is finished first')
  clearInterval(flushing)
  clearInterval(sweeping)
  await app.http.stop(shutdownMs)
  await jobs?.stop()
  await runtime.stop()
  log.info('stopped')
}

const SERVE_EXAMPLES = `
Examples:
  cognitionos serve
  cognitionos serve --port 8080 --json    its URL and the first operator key as JSON

docs/configuration.md lists the environment variables that it reads.`

const WORKER_EXAMPLES = `
Run it beside servers that have WORKER=false, on the same DATABASE_URL and COGNITIONOS_SECRET.

Examples:
  DATABASE_URL=postgres://… COGNITIONOS_SECRET=… cognitionos worker`

export const addServe = (program: Command): void => {
  program
    .command('serve')
    .description('start the server; the jobs run in it unless WORKER=false')
    .option('--port <port>', 'serve on this port, whatever PORT says', toPort)
    .addHelpText('after', SERVE_EXAMPLES)
    .action(({ port }: Options, command: Command) => serve({ json: wantsJson(command), ...(port === undefined ? {} : { port }) }))
  program
    .command('worker')
    .description('run the jobs and deliver events, without serving')
    .addHelpText('after', WORKER_EXAMPLES)
    .action(() => serve({ worker: true }))
}
