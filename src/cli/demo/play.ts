import { SCOPES } from '../../platform/auth/caller.ts'
import { type Api, apiAt, type Body } from '../api.ts'
import { listenAt } from '../listen.ts'
import { progress } from '../progress.ts'
import { field } from '../reply.ts'
import type { Runtime } from '../runtime.ts'
import { PLAIN, paintFor } from '../table.ts'
import { billAll, invoiceResult, invoicesOf, payOpen } from './bill.ts'
import { tenantResult } from './collect.ts'
import { type Metered, meterMonth } from './meter.ts'
import { type DemoClock, dayName } from './month.ts'
import type { DemoResult } from './result.ts'
import { scenesOf } from './scenes.ts'
import type { DemoServers } from './servers.ts'
import { type Actor, setUpCast } from './set-up.ts'
import type { Month } from './traffic.ts'

export interface PlayOptions {
  readonly servers: DemoServers
  readonly clock: DemoClock
  readonly month: Month
  readonly trace: string | undefined
  /** undefined: the usual one, or a free one if that is taken. */
  readonly port: number | undefined
  readonly exit: boolean
  readonly json: boolean
  /** When the command began, in milliseconds. */
  readonly started: number
  /** Aborted: the story breaks off at its next step. */
  readonly signal: AbortSignal
}

export interface Played {
  readonly result: DemoResult
  /** From here on the server lives in the real time, its jobs too. */
  goOn(): Promise<void>
  /** Ends what `goOn` began. */
  stop(): Promise<void>
}

const HOST = '127.0.0.1'
const USUAL_PORT = 3000
/** Whose invoice shows overage, and whose the LLM cost passed on. */
const SHOWN = ['otter-support', 'atlas-bank']
const DECLINED_FIRST = 'otter-support'

const listen = ({ app: { http } }: Runtime, port: number | undefined): Promise<string> => {
  const at = (wanted: number): Promise<string> => listenAt(http.app, HOST, wanted)
  return port === undefined ? at(USUAL_PORT).catch(() => at(0)) : at(port)
}

/** Invoices of each tenant at the month's end, billed and paid; what was said of each payment. */
const settle = async (api: Api, actors: readonly Actor[], drain: () => Promise<unknown>) => {
  await billAll(api, actors)
  await drain()
  const payments = new Map<string, string>()
  const invoices = new Map<Actor, readonly Body[]>()
  for (const actor of actors) {
    for (const [id, said] of await payOpen(api, actor.tenantId, actor.role.slug === DECLINED_FIRST)) payments.set(id, said)
    invoices.set(actor, await invoicesOf(api, actor.tenantId))
  }
  await drain()
  return { invoices, payments }
}

/** The whole story, on servers that are open: told line by line as it happens. */
export const play = async (options: PlayOptions): Promise<Played> => {
  const { servers, clock, month, trace, port, exit, json, started, signal } = options
  const { runtime } = servers
  const paint = json ? PLAIN : paintFor(process.stdout)
  const stream = json ? process.stderr : process.stdout
  const say = (line: string): void => void stream.write(`${line}\n`)
  const step = (what: string): void => {
    say(`  ${paint.good('✓')} ${what}  ${paint.dim(`${((performance.now() - started) / 1_000).toFixed(1)} s`)}`)
    signal.throwIfAborted()
  }
  const drain = () => runtime.app.relay.drain()

  const operatorKey = (await runtime.firstKey())?.secret ?? ''
  const url = await listen(runtime, port)
  const api = apiAt(url, operatorKey)
  step('two embedded PostgreSQL servers, migrated, and the API in front of them')

  const actors = await setUpCast(api, servers.clusterUrl)
  await drain()
  for (const { tenantId } of actors) await payOpen(api, tenantId)
  step('four tenants: shared tables, a schema, a database and a cluster of their own; subscribed, first month paid')

  const script = await scenesOf(actors, month, trace)
  say('')
  for (const line of script.source) say(`  ${paint.dim(line)}`)
  const metered: Metered = await meterMonth({
    api,
    clock,
    month,
    scenes: script.scenes,
    progress: progress('metering', stream, () => performance.now()),
    paint,
    signal,
    nowMs: () => performance.now(),
  })
  say('')

  clock.set(month.end.add({ minutes: 5 }))
  const { invoices, payments } = await settle(api, actors, drain)
  step(`the clock travels to ${dayName(month.end)}: invoices issued and paid`)
  clock.goOn()

  const tenants = await Promise.all(
    actors.map((actor) => tenantResult(api, actor, month, invoices.get(actor) ?? [], metered.refused.get(actor.tenantId) ?? 0)),
  )
  const shown = actors.filter(({ role }) => SHOWN.includes(role.slug))
  const guest = shown[0]
  const key = await api.call('POST', `/tenants/${guest?.tenantId}/api-keys`, { name: 'demo', scopes: SCOPES })
  const result: DemoResult = {
    currency: 'USD',
    source: script.source,
    from: dayName(month.start),
    to: dayName(month.end),
    tenants,
    invoices: shown.flatMap((actor) => {
      const last = invoices.get(actor)?.at(-1)
      return last ? [invoiceResult(last, actor.role.name, payments.get(field(last, 'id')) ?? '')] : []
    }),
    events: metered.events,
    meteringSeconds: metered.seconds,
    totalSeconds: (performance.now() - started) / 1_000,
    url: exit ? undefined : url,
    operatorKey,
    tenantKey: { name: guest?.role.name ?? '', id: guest?.tenantId ?? '', key: field(key, 'secret') },
  }
  const jobs = runtime.app.worker()
  let working = false
  return {
    result,
    async goOn() {
      runtime.app.relay.start()
      await jobs.start()
      working = true
    },
    async stop() {
      if (working) await jobs.stop()
    },
  }
}
