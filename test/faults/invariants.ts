/** Each query finds what must never be, whatever was killed when: a row is a contradiction. */
export const INVARIANTS: Readonly<Record<string, string>> = {
  'a journal that does not balance':
    'select journal_id from ledger_entries group by journal_id, currency having sum(amount) <> 0',
  'a journal without entries':
    'select id from ledger_journals j where not exists (select from ledger_entries where journal_id = j.id)',
  'a payment that succeeded without its booking': `select id from payments p where status = 'succeeded'
     and not exists (select from ledger_journals where kind = 'payment_succeeded' and source_id = p.id)`,
  'a booking of a payment that did not succeed': `select source_id from ledger_journals j where kind = 'payment_succeeded'
     and not exists (select from payments where id = j.source_id and status = 'succeeded')`,
  'a payment that succeeded and an invoice that is not paid': `select p.id from payments p join invoices i on i.id = p.invoice_id
     where p.status = 'succeeded' and (i.status, i.amount_paid) is distinct from ('paid', p.amount)`,
  'an invoice that is paid by nothing': `select id from invoices i where status = 'paid' and amount_due > 0
     and not exists (select from payments where invoice_id = i.id and status = 'succeeded')`,
  'a payment that the gateway did not take, or took otherwise': `select p.id from payments p
     left join sandbox_charges c on c.idempotency_key = p.id
     where p.status = 'succeeded' and (c.amount, c.outcome) is distinct from (p.amount, 'succeeded')`,
  'a final invoice without its booking': `select id from invoices i where status in ('open', 'paid') and total <> 0
     and not exists (select from ledger_journals where kind = 'invoice_finalized' and source_id = i.id)`,
  'a draft that was left': `select id from invoices where status = 'draft'`,
  'two invoices for one thing': `select source_key from invoices where status <> 'void' group by 1 having count(*) > 1`,
  'a gap in the numbers of invoices': `select last from invoice_numbers
     where last <> (select count(*) from invoices where number is not null)`,
  'a subscription without exactly one open phase': `select id from subscriptions s where ended_at is null
     and (select count(*) from subscription_phases where subscription_id = s.id and ends_at is null) <> 1`,
  'a tenant without an admin': `select id from tenants t
     where not exists (select from tenant_users where tenant_id = t.id and role = 'admin' and removed_at is null)`,
  'a tenant without a place': 'select id from tenants t where not exists (select from placements where tenant_id = t.id)',
  'a user that no audit record tells of': `select id from tenant_users u where role = 'member'
     and (select count(*) from audit_log where tenant_id = u.tenant_id and operation = 'addUser') <
         (select count(*) from tenant_users where tenant_id = u.tenant_id and role = 'member')`,
  'a stored reply about a user that is not there': `select tenant_id from idempotency_keys k
     where status = 201 and operation like 'POST %/users' group by 1
     having count(*) > (select count(*) from tenant_users where tenant_id = k.tenant_id and role = 'member')`,
}
