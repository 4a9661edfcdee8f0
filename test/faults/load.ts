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

/** A request as it left, to be sent once more. */
export interface Sent {
  readonly path: string
  readonly key: string
  readonly body: unknown
  readonly idempotencyKey: string
  /** What it was answered; undefined: nobody knows what became of it. */
  answer?: string
}

export interface Load {
  /** How many requests were answered with success. */
  acknowledged(): number
  /** All that were sent and not refused. */
  sent(): readonly Sent[]
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
  readonly text: string
  readonly body: Record<string, unknown>
}

const newIdempotencyKey = (): string => randomBytes(9).toString('hex')

export const ask = async (
  stand: Pick<Stand, 'url'>,
  method: 'GET' | 'POST',
  path: string,
  key: string,
  body?: unknown,
  idempotencyKey = newIdempotencyKey(),
): Promise<Reply> => {
  const sent = body !== undefined
  const answer = await fetch(`${stand.url}/api/v3/saas${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(sent ? { 'content-type': 'application/json', 'idempotency-key': idempotencyKey } : {}),
    },
    ...(sent ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(20_000),
  })
  const text = await answer.text()
  const value: unknown = JSON.parse(text)
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    body: typeof value === 'object' && value !== null ? { ...value } : {},
  }
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
  const requests = new Set<Sent>()
  const next = (): string => {
    made += 1
    return `r${round}-${made}`
  }
  const pick = (): Tenant => tenants[made % tenants.length] ?? { id: '', key: '' }

  const write = async (of: Ledger, ids: readonly string[], path: string, key: string, body: unknown): Promise<void> => {
    for (const id of ids) of.sent.add(id)
    const request: Sent = { path, key, body, idempotencyKey: newIdempotencyKey() }
    requests.add(request)
    const { status, text } = await ask(stand, 'POST', path, key, body, request.idempotencyKey)
    if (status >= 300) requests.delete(request)
    // 202: nobody knows yet whether it was paid.
    if (status >= 300 || status === 202) return sleep(20)
    request.answer = text
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
    sent: () => [...requests],
    async stop() {
      running = false
      await Promise.all(workers)
    },
  }
}

const AT_ONCE = 8
/** Of those that were answered; those that were not are all sent again. */
const MOST = 80

/**
 * Sends again what was sent before a kill. What was answered then is answered the same, to the byte; what was not is done now, was done
 * before, or is still held for its dead holder: the books then tell that nothing is there twice. Answers with what is wrong, in words.
 */
export const resend = async (stand: Stand, sent: readonly Sent[]): Promise<string[]> => {
  const answered = sent.filter(({ answer }) => answer !== undefined).slice(-MOST)
  const left = [...sent.filter(({ answer }) => answer === undefined), ...answered].values()
  const wrong: string[] = []
  const worker = async (): Promise<void> => {
    for (const { path, key, body, idempotencyKey, answer } of left) {
      const { status, text } = await ask(stand, 'POST', path, key, body, idempotencyKey)
      if (answer !== undefined && text !== answer) wrong.push(`${path} was answered ${answer} and then ${status} ${text}`)
      if (answer === undefined && status >= 300 && status !== 409)
        wrong.push(`${path}, sent again, was answered ${status} ${text}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return wrong
}
