import { INVARIANTS } from './invariants.ts'
import type { Books, Ledger } from './load.ts'
import { inDatabase, type Stand } from './stand.ts'

export interface Verdict {
  /** Acknowledged and gone. */
  readonly lost: readonly string[]
  /** There more than once, or never sent. */
  readonly doubled: readonly string[]
  /** Facts that contradict each other, in words. */
  readonly contradictions: readonly string[]
}

interface Found {
  readonly id: string
  readonly times: number
}

const compare = ({ sent, acknowledged }: Ledger, found: readonly Found[]) => {
  const there = new Set(found.map(({ id }) => id))
  return {
    lost: [...acknowledged].filter((id) => !there.has(id)),
    doubled: found.filter(({ id, times }) => times > 1 || !sent.has(id)).map(({ id, times }) => `${id} × ${times}`),
  }
}

const CONTROL = {
  users: 'select email as id, count(*)::int as times from tenant_users where email like $1 group by 1',
  keys: 'select name as id, count(*)::int as times from api_keys where name like $1 group by 1',
}
const PAYMENTS = `select invoice_id as id, count(*)::int as times from payments where status = 'succeeded' group by 1`

const rollUps = (schema: string): string =>
  `select tenant_id from
     (select tenant_id, count(*) as n, sum(input_tokens) as t, sum(coalesce(cost, 0)) as c from ${schema}.usage_events group by 1) e
     full join (select tenant_id, sum(events) as n, sum(input_tokens) as t, sum(cost) as c from ${schema}.usage_hours group by 1) h
     using (tenant_id) where (e.n, e.t, e.c) is distinct from (h.n, h.t, h.c)`

/** Compares what the system holds with the ledger beside it: of one round, or of all where none is given. */
export const verify = async (stand: Stand, books: Books, round?: number): Promise<Verdict> => {
  const prefix = round === undefined ? 'r' : `r${round}-`
  const of = `${prefix}%`
  const only = ({ sent, acknowledged }: Ledger): Ledger => ({
    sent: new Set([...sent].filter((id) => id.startsWith(prefix))),
    acknowledged: new Set([...acknowledged].filter((id) => id.startsWith(prefix))),
  })
  const places = await inDatabase<{ schema: string }>(
    stand,
    `select distinct schema_name as schema from placements where state = 'ready' and database_name is null`,
  )
  const contradictions: string[] = []
  const events: Found[] = []
  for (const { schema } of places) {
    const text = `select id, count(*)::int as times from ${schema}.usage_events where id like $1 group by id`
    events.push(...(await inDatabase<Found>(stand, text, [of])))
    const off = await inDatabase<{ tenant_id: string }>(stand, rollUps(schema))
    contradictions.push(...off.map(({ tenant_id }) => `the roll-ups of ${tenant_id} in ${schema} are not the sum of its events`))
  }
  for (const [name, query] of Object.entries(INVARIANTS))
    contradictions.push(...(await inDatabase(stand, query)).map((row) => `${name}: ${JSON.stringify(row)}`))
  const parts = [
    compare(only(books.events), events),
    compare(only(books.users), await inDatabase<Found>(stand, CONTROL.users, [of])),
    compare(only(books.keys), await inDatabase<Found>(stand, CONTROL.keys, [of])),
    compare(books.payments, await inDatabase<Found>(stand, PAYMENTS)),
  ]
  return { lost: parts.flatMap(({ lost }) => lost), doubled: parts.flatMap(({ doubled }) => doubled), contradictions }
}
