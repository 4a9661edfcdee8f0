import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../../../test/harness/app.ts'
import { billing } from '../../../test/harness/billing.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { insertDraft, insertLines, nextNumber } from './insert-invoice.ts'
import { type Invoice, type Line, pieceLine } from './invoice.ts'
import { linesOf, openInvoice } from './store.ts'

let t: TestApp
let b: ReturnType<typeof billing>
let tenantId: string
let stranger: string
beforeAll(async () => {
  t = await testApp({ at: '2026-01-31T09:00:00Z' })
  b = billing(t)
  tenantId = (await b.subscribe('pro')).tenantId
  stranger = await t.database.createTenant()
})
afterAll(() => t.close())

const as = (tenant: string, work: (tx: ControlTx) => Promise<unknown>) => t.app.db.control.inTenant(tenant, work)
const journal = (tx: ControlTx, id: string, of = tenantId) =>
  tx.insertInto('ledger_journals').values({ id, tenant_id: of, at: t.clock.now(), kind: 'test', source_id: id }).execute()
const entry = (tx: ControlTx, journalId: string, amount: bigint, of = tenantId, currency = 'USD') =>
  tx.insertInto('ledger_entries').values({ tenant_id: of, journal_id: journalId, account: 'cash', currency, amount }).execute()

const unbalanced = async (tx: ControlTx) => {
  await journal(tx, 'jrn_x')
  await entry(tx, 'jrn_x', 5n)
}
const run = (statement: string) => async (tx: ControlTx) => {
  await unbalanced(tx)
  await sql.raw(statement).execute(tx)
}

test.each([
  ['left as it is', unbalanced],
  ['with the tenant taken away before the commit', run(`select set_config('app.tenant_id', '', true)`)],
  ['as another tenant at the commit', run(`select set_config('app.tenant_id', 'tnt_other', true)`)],
  ['as the operator', run('set local role cognitionos_operator')],
  ['with constraints deferred', run('set constraints all deferred')],
  ['with triggers switched off', run('alter table ledger_entries disable trigger all')],
  ['as a replica, which runs no triggers', run('set local session_replication_role = replica')],
  ['with an entry taken away again', run('delete from ledger_entries')],
  ['with an entry changed', run('update ledger_entries set amount = 0')],
  ['with the books emptied', run('truncate ledger_entries')],
  [
    'balanced over two currencies',
    async (tx: ControlTx) => {
      await unbalanced(tx)
      await entry(tx, 'jrn_x', -5n, tenantId, 'EUR')
    },
  ],
])('a booking that does not sum to zero is not committed by our own role: %s', async (_how, work) => {
  const count = () => b.operator((tx) => tx.selectFrom('ledger_entries').select('id').execute())
  const before = (await count()).length
  await expect(as(tenantId, work)).rejects.toThrow()
  expect((await count()).length).toBe(before)
})

test("no entry, line or booking is put under another tenant's journal or invoice", async () => {
  const [invoice] = await b.invoicesOf(tenantId)
  const theirs = await b.operator((tx) => tx.selectFrom('ledger_journals').select('id').executeTakeFirstOrThrow())
  const balanced = async (tx: ControlTx) => {
    await entry(tx, theirs.id, 5n, stranger)
    await entry(tx, theirs.id, -5n, stranger)
  }
  await expect(as(stranger, balanced)).rejects.toThrow('foreign key')
  const period = { start: t.clock.now(), end: t.clock.now() }
  const line: Line = { ...pieceLine({ kind: 'base', description: 'x', amount: 1n, period }, 2), id: 'il_x', position: 99 }
  const under = (of: string) =>
    as(of, (tx) => insertLines(tx, { ...draftOf('x', 0n), id: String(invoice?.id), tenantId: of }, [line]))
  await expect(under(stranger)).rejects.toThrow('is final')
  await expect(under(tenantId)).rejects.toThrow('is final')
})

const draftOf = (id: string, total: bigint): Invoice => {
  const at = t.clock.now()
  const money = { subtotal: total, discount: 0n, tax: 0n, total, creditApplied: 0n, amountDue: total, amountPaid: 0n }
  const times = { createdAt: at, finalizedAt: null, dueAt: null, paidAt: null, voidedAt: null, voidReason: null }
  const what = { subscriptionId: null, number: null, kind: 'final', sourceKey: id, status: 'draft', currency: 'USD' } as const
  return { ...money, ...times, ...what, id, tenantId, period: { start: at, end: at }, billed: [] }
}
const linesFor = (count: number, name: string): Line[] =>
  Array.from({ length: count }, (_, position) => ({
    ...pieceLine({ kind: 'overage', description: `line ${position}`, amount: 1n, period: draftOf(name, 0n).period }, 2),
    id: `il_${name}_${position}`,
    position,
  }))
const news = { type: 'test', payload: {} }

test('an invoice has 10,000 lines if need be, and they come back in their order', async () => {
  await as(tenantId, async (tx) => {
    await insertDraft(tx, draftOf('inv_long', 10_000n), news)
    await insertLines(tx, draftOf('inv_long', 10_000n), linesFor(10_000, 'long'))
    await openInvoice(tx, 'inv_long', { number: await nextNumber(tx), at: t.clock.now(), dueAt: t.clock.now() })
  })
  const lines = (await as(tenantId, async (tx) => (await linesOf(tx, ['inv_long'])).get('inv_long'))) as Line[]
  expect(lines.length).toBe(10_000)
  expect(lines.every(({ position }, index) => position === index)).toBe(true)
  const { status, body } = await b.get('/invoices/inv_long')
  expect([status, body.total]).toEqual([200, '100.00'])
})

test('an invoice whose lines do not sum to its total is not opened, and none begins otherwise than as a draft', async () => {
  const open = async (tx: ControlTx) => {
    await insertDraft(tx, draftOf('inv_off', 3n), news)
    await insertLines(tx, draftOf('inv_off', 3n), linesFor(2, 'off'))
    await openInvoice(tx, 'inv_off', { number: await nextNumber(tx), at: t.clock.now(), dueAt: t.clock.now() })
  }
  await expect(as(tenantId, open)).rejects.toThrow('do not sum to its total')
  await expect(as(tenantId, (tx) => insertDraft(tx, { ...draftOf('inv_off', 3n), tax: 1n }, news))).rejects.toThrow(
    'check constraint',
  )
  const paid = sql`insert into invoices select (i).* from (select jsonb_populate_record(i, '{"id": "inv_y", "number": "X", "source_key": "y"}') as i
    from invoices i limit 1) as copied`
  await expect(as(tenantId, (tx) => paid.execute(tx))).rejects.toThrow('begins as a draft')
})
