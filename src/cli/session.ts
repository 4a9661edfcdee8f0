import { type Command, Option } from 'commander'
import { readConfig } from '../config.ts'
import { AppError, configError } from '../platform/errors.ts'
import { logger } from '../platform/telemetry/log.ts'
import { type Api, apiAt, apiWithin } from './api.ts'
import { COMMAND_KEY, openRuntime, type Runtime } from './runtime.ts'

/** An empty text is as good as none: that is how a variable is unset in many places. */
export interface SessionOptions {
  readonly url?: string
  readonly key?: string
}

const KEY_HOURS = 12

const WHERE = `
Where it works:
  With --url and --key (or COGNITIONOS_URL and COGNITIONOS_KEY) it asks the server that runs there.
  Without, it opens the database itself: DATABASE_URL, or the embedded one in .cognitionos, which
  only one process can use at a time: while \`cognitionos serve\` runs on that, name its URL and a key.`

/** Adds --url and --key to a command that speaks to the API. */
export const speaking = (command: Command): Command =>
  command
    .addOption(new Option('--url <url>', 'ask the server that runs at this address').env('COGNITIONOS_URL'))
    .addOption(new Option('--key <key>', 'with this API key').env('COGNITIONOS_KEY'))
    .addHelpText('after', WHERE)

const silence = (): void => {}

const ASK_IT = "If that is `cognitionos serve`, ask it instead: --url http://127.0.0.1:3000 --key <an operator's key>"
const STOP_IT = 'If that is `cognitionos serve`, stop it first: operator keys are made where the database is'

/** Who meets a running server's folder is told the way round. */
const inUse = (error: unknown, advice: string): unknown =>
  error instanceof AppError && error.code === 'data_folder_in_use'
    ? new AppError(error.kind, error.code, `${error.message}. ${advice}`)
    : error

const withRuntime = async (work: (runtime: Runtime) => Promise<void>, advice: string): Promise<void> => {
  const runtime = await openRuntime({ config: readConfig(), log: logger('warn') }).catch((error: unknown) => {
    throw inUse(error, advice)
  })
  try {
    await work(runtime)
  } finally {
    await runtime.stop()
  }
}

/** Runs `work` on the database itself, which this process opens and closes. Throws `url_not_used` where a server is named. */
export const withDatabase = async ({ url }: SessionOptions, work: (runtime: Runtime) => Promise<void>): Promise<void> => {
  if (!url) return withRuntime(work, STOP_IT)
  throw configError(
    'url_not_used',
    'operator keys are made where the database is; leave out --url, unset COGNITIONOS_URL, or give --tenant for the keys of a tenant',
  )
}

const withCommandKey = ({ app }: Runtime, work: (api: Api) => Promise<void>): Promise<void> => {
  const { apiKeys } = app.services
  const asOperator = app.db.control.asOperator
  return asOperator('make a key for a command', (tx) =>
    apiKeys.createOperator(tx, COMMAND_KEY, app.clock.now().add({ hours: KEY_HOURS })),
  ).then(async ({ id, secret }) => {
    try {
      await app.http.app.ready()
      await work(apiWithin(app.http.app, secret))
      await app.relay.drain() // nobody else may be running who would deliver the events
    } finally {
      await asOperator('end the key of a command', (tx) => apiKeys.revokeOperator(tx, id)).catch(silence)
    }
  })
}

/** Runs `work` against the API: of the server that the options name, else of one opened here without serving. */
export const withApi = async ({ url, key }: SessionOptions, work: (api: Api) => Promise<void>): Promise<void> => {
  if (url && key) return work(apiAt(url, key))
  if (url)
    throw configError('key_missing', 'with --url, give --key too (or set COGNITIONOS_KEY); `cognitionos keys create` makes one')
  return withRuntime((runtime) => withCommandKey(runtime, work), ASK_IT)
}
