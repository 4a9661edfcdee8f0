import { randomBytes } from 'node:crypto'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { systemIds } from '../../src/lib/ids.ts'
import type { Period } from '../../src/lib/period.ts'
import { planRoutes, planService, seedCatalogue } from '../../src/modules/catalog/index.ts'
import {
  type SubscriptionService,
  subscriptionRoutes,
  subscriptionService,
  type UsageTotals,
} from '../../src/modules/subscriptions/index.ts'
import { findTenant, peakMembers } from '../../src/modules/tenants/index.ts'
import type { Caller } from '../../src/platform/auth/caller.ts'
import { type SettableClock, settableClock } from '../../src/platform/clock.ts'
import type { ControlTx } from '../../src/platform/db/database.ts'
import { type Outbox, outboxWriter } from '../../src/platform/outbox/outbox.ts'
import { type TestDatabase, testDatabase } from './database.ts'

export const OPERATOR: Caller = { kind: 'operator', keyId: 'key_op', scopes: new Set(['*']) }
export const tenantCaller = (tenantId: string): Caller => ({ kind: 'tenant', keyId: 'key_t', tenantId, scopes: new Set(['*']) })

const NOTHING: UsageTotals = { apiCalls: 0n, computeHours: 0n, storageGb: 0n, llmCost: 0n, events: 0n }

export interface Request {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: { readonly tenant_id?: string; readonly [name: string]: unknown }
  readonly body?: { readonly tenant_id?: string; readonly [name: string]: unknown }
}

export interface SubscriptionBench {
  readonly database: TestDatabase
  readonly clock: SettableClock
  readonly service: SubscriptionService
  readonly deps: { readonly clock: SettableClock; readonly ids: ReturnType<typeof systemIds>; readonly outbox: Outbox }
  /** What metering would answer. */
  usage(of: { totals?: (period: Period) => Partial<UsageTotals>; lastEventAt?: Temporal.Instant }): void
  /** A route as the server runs it: validated, in a transaction as the tenant that calls or is named; the reply is checked too. */
  call(id: string, request: Request, caller?: Caller): Promise<Record<string, unknown>>
  asOperator<T>(work: (tx: ControlTx) => Promise<T>): Promise<T>
  /** Types and payloads of a tenant's events, in order. */
  events(tenantId: string): Promise<{ type: string; payload: unknown }[]>
}

/** Plans and subscriptions on a database of their own, with metering's answers at hand. */
export const subscriptionBench = async (at: string): Promise<SubscriptionBench> => {
  const database = await testDatabase()
  const clock = settableClock(at)
  const ids = systemIds(Date.now, randomBytes)
  const outbox = outboxWriter({ clock, ids })
  let answer: Parameters<SubscriptionBench['usage']>[0] = {}
  const service = subscriptionService({
    clock,
    ids,
    outbox,
    findTenant,
    peakMembers,
    totals: async (_tenantId, periods) => periods.map((period) => ({ ...NOTHING, ...answer.totals?.(period) })),
    lastEventAt: async () => answer.lastEventAt,
  })
  const services = { plans: planService({ clock, ids }), subscriptions: service }
  const { control } = database.db
  const asOperator: SubscriptionBench['asOperator'] = (work) => control.asOperator('test', work)
  await asOperator((tx) => seedCatalogue(tx, { clock, ids }))

  const ajv = new Ajv({ strict: false })
  addFormats.default(ajv)
  const call: SubscriptionBench['call'] = async (id, { params = {}, query = {}, body }, caller = OPERATOR) => {
    const route = [...planRoutes, ...subscriptionRoutes].find((candidate) => candidate.id === id)
    if (!route) throw new Error(`no route ${id}`)
    const parts = [[route.params, params] as const, [route.query, query] as const, [route.body, body] as const]
    for (const [schema, value] of parts) if (schema && !ajv.validate(schema, value)) throw new Error(ajv.errorsText())
    const named = { 'params.tenant_id': params.tenant_id, 'body.tenant_id': body?.tenant_id, 'query.tenant_id': query.tenant_id }
    const source = Object.entries(named).find(([name]) => name === route.tenant)?.[1]
    const tenantId = caller.kind === 'tenant' ? caller.tenantId : source
    const request = { requestId: 'req', idempotencyKey: undefined, head: { getHeader: () => undefined, header: () => undefined } }
    const context = { caller, tenantId, params, query, body, now: clock.now(), ...request }
    const run = (tx: ControlTx) => route.run({ ...context, tx }, services)
    const reply = await (tenantId === undefined ? asOperator(run) : control.inTenant(tenantId, run))
    if (!ajv.validate(route.reply, reply)) throw new Error(`${id}: ${ajv.errorsText()} in ${JSON.stringify(reply)}`)
    return JSON.parse(JSON.stringify(reply))
  }

  return {
    database,
    clock,
    service,
    deps: { clock, ids, outbox },
    usage: (of) => {
      answer = of
    },
    call,
    asOperator,
    events: (tenantId) =>
      asOperator((tx) =>
        tx.selectFrom('outbox').select(['type', 'payload']).where('tenant_id', '=', tenantId).orderBy('id').execute(),
      ),
  }
}
