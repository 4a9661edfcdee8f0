import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stand } from './stand.ts'

/** The ledger beside the system: what was sent, and what was answered with success. */
export interface Ledger {
  readonly sent: Set<string>
  readonly acknowledged: Set<string>
}

export interface Books {
  readonly events: Ledger
  /** By email. */
  readonly users: Ledger
  /** By name. */
  readonly keys: Ledger
  /** By invoice. */
  readonly payments: Ledger
}

export interface Load {
  /** How many requests were answered with success. */
  acknowledged(): number
  /** Ends when all requests under way have ended. */
  stop(): Promise<void>
}

export interface Tenant {
  readonly id: string
  readonly key: string
}

const ledger = (): Ledger => ({ sent: new Set(), acknowledged: new Set() })
export const newBooks = (): Books => ({ events: ledger(), users: ledger(), keys: ledger(), payments: ledger() })

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

export const ask = async (stand: Stand, method: 'GET' | 'POST', path: string, key: string, body?: unknown): Promise<Reply> => {
  const sent = body !== undefined
  const answer = await fetch(`${stand.url}/api/v3/saas${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(sent ? { 'content-type': 'application/json', 'idempotency-key': randomBytes(9).toString('hex') } : {}),
    },
    ...(sent ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(20_000),
  })
  const value: unknown = await answer.json()
  return { status: answer.status, headers: answer.headers, body: typeof value === 'object' && value !== null ? { ...value } : {} }
}

const SCOPES = [
  'tenants:write',
  'keys:write',
  'usage:write',
  'usage:read',
  'subscriptions:write',
  'invoices:write',
  'payments:write',
]

/** A tenant with a key, on a level. */
export const makeTenant = async (stand: Stand, isolation: string): Promise<Tenant> => {
  const name = `t${randomBytes(5).toString('hex')}`
  const owner = { email: `${name}@example.com`, name }
  const made = await ask(stand, 'POST', '/tenants', stand.operatorKey, { name, type: 'PARTNER', isolation, owner })
  const key = await ask(stand, 'POST', `/tenants/${made.body.id}/api-keys`, stand.operatorKey, { name, scopes: SCOPES })
  if (key.status !== 201) throw new Error(`no tenant on ${isolation}: ${JSON.stringify([made, key])}`)
  return { id: String(made.body.id), key: String(key.body.secret) }
}

/** Writes of all kinds, as fast as they are answered, until it is stopped. A failure only means that nobody knows. */
export const startLoad = (stand: Stand, tenants: readonly Tenant[], books: Books, round: number): Load => {
  let running = true
  let acknowledged = 0
  let made = 0
  const next = (): string => {
    made += 1
    return `r${round}-${made}`
  }
  const pick = (): Tenant => tenants[made % tenants.length] ?? { id: '', key: '' }

  const write = async (of: Ledger, ids: readonly string[], path: string, key: string, body: unknown): Promise<void> => {
    for (const id of ids) of.sent.add(id)
    const { status } = await ask(stand, 'POST', path, key, body)
    // 202: nobody knows yet whether it was paid.
    if (status >= 300 || status === 202) return sleep(20)
    for (const id of ids) of.acknowledged.add(id)
    acknowledged += 1
  }

  const single = (): Promise<void> => {
    const id = next()
    const event = { id, type: 'LLM_COMPLETION', model: 'gpt-4', provider: 'openai', input_tokens: 3 }
    return write(books.events, [id], '/usage/record', pick().key, event)
  }
  const batch = (): Promise<void> => {
    const ids = Array.from({ length: 20 }, next)
    return write(books.events, ids, '/usage/batch', pick().key, { events: ids.map((id) => ({ id, type: 'API_CALL' })) })
  }
  const user = (): Promise<void> => {
    const { id, key } = pick()
    const email = `${next()}@example.com`
    return write(books.users, [email], `/tenants/${id}/users`, key, { email, name: email, role: 'member' })
  }
  const apiKey = (): Promise<void> => {
    const { id, key } = pick()
    const name = next()
    return write(books.keys, [name], `/tenants/${id}/api-keys`, key, { name, scopes: ['usage:read'] })
  }
  /** A tenant is made, buys, is billed and pays. */
  const purchase = async (): Promise<void> => {
    const tenant = await makeTenant(stand, 'SHARED')
    const bought = await ask(stand, 'POST', '/subscriptions', tenant.key, { plan: 'pro' })
    const billed = await ask(stand, 'POST', '/invoices/generate', tenant.key, { subscription_id: bought.body.id })
    const id = /"id":"(inv_\w+)"/.exec(JSON.stringify(billed.body))?.[1]
    if (id !== undefined) await write(books.payments, [id], `/invoices/${id}/pay`, tenant.key, { payment_method: 'tok_success' })
  }

  const worker = async (work: () => Promise<void>): Promise<void> => {
    while (running) await work().catch(() => sleep(20))
  }
  const workers = [single, single, single, batch, user, apiKey, purchase, purchase, purchase].map(worker)
  return {
    acknowledged: () => acknowledged,
    async stop() {
      running = false
      await Promise.all(workers)
    },
  }
}
