create table invoice_numbers (series text primary key, last bigint not null);
insert into invoice_numbers values ('INV', 0);
grant select, update on invoice_numbers to cognitionos_app, cognitionos_operator;

create table tax_rates (
  tenant_id text primary key references tenants (id),
  percent numeric(9,6) not null check (percent >= 0),
  name text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index tax_rates_newest on tax_rates (created_at desc, tenant_id desc);
call protect('tax_rates');
grant select, insert, update, delete on tax_rates to cognitionos_app, cognitionos_operator;

create table invoices (
  id text primary key,
  tenant_id text not null references tenants (id),
  subscription_id text references subscriptions (id),
  number text unique,
  kind text not null check (kind in ('period', 'change', 'final')),
  source_key text not null,              -- what it bills: subscription and period, or the change
  status text not null check (status in ('draft', 'open', 'paid', 'void')),
  currency text not null,
  period_start timestamptz not null,
  period_end timestamptz not null,
  subtotal bigint not null,
  discount bigint not null,
  tax bigint not null,
  total bigint not null,                 -- may be negative: what is owed back goes to the tenant's credit
  credit_applied bigint not null,        -- taken from the credit balance
  amount_due bigint not null check (amount_due >= 0),
  amount_paid bigint not null default 0,
  usage jsonb not null default '[]',     -- what this invoice bills of which closed period: summed over live invoices, all that was billed of it
  source jsonb not null,                 -- the news it was made from: a void invoice can be issued anew
  created_at timestamptz not null,
  finalized_at timestamptz,
  due_at timestamptz,
  paid_at timestamptz,
  voided_at timestamptz,
  void_reason text,
  check (status = 'draft' or number is not null),
  check ((voided_at is not null) = (status = 'void') and (void_reason is null or status = 'void')),
  check ((paid_at is not null) = (status = 'paid')),
  check (total = subtotal - discount + tax),
  check (credit_applied >= 0 and amount_due = greatest(total, 0) - credit_applied),
  check (amount_paid = case status when 'paid' then amount_due else 0 end),
  unique (id, tenant_id)
);
-- Exactly one live invoice for one thing billed, whatever crashes, repeats or races.
create unique index invoices_once on invoices (source_key) where status <> 'void';
create index invoices_newest on invoices (tenant_id, created_at desc, id desc);
create index invoices_all_newest on invoices (created_at desc, id desc);
create index invoices_final on invoices (created_at, id) where kind = 'final';
create index invoices_subscription on invoices (subscription_id, period_start);
call protect('invoices');
grant select, insert, update on invoices to cognitionos_app, cognitionos_operator;

create table invoice_lines (
  id text primary key,
  tenant_id text not null references tenants (id),
  invoice_id text not null,
  position int not null,
  kind text not null check (kind in ('base', 'overage', 'pass_through', 'proration', 'discount', 'adjustment', 'tax')),
  meter text,
  description text not null,
  quantity numeric(38,12) not null,
  unit_price numeric(38,12) not null,
  amount bigint not null,
  period_start timestamptz not null,
  period_end timestamptz not null,
  unique (invoice_id, position),
  foreign key (invoice_id, tenant_id) references invoices (id, tenant_id)
);
call protect('invoice_lines');
grant select, insert on invoice_lines to cognitionos_app, cognitionos_operator;

create function guard_invoice() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    if new.status <> 'draft' then
      raise exception 'an invoice begins as a draft' using errcode = 'restrict_violation';
    end if;
    return new;
  end if;
  if tg_op = 'DELETE' then
    raise exception 'invoices are never deleted' using errcode = 'restrict_violation';
  end if;
  if old.status <> 'draft' and (new.id, new.tenant_id, new.subscription_id, new.number, new.kind, new.source_key, new.currency, new.period_start,
      new.period_end, new.subtotal, new.discount, new.tax, new.total, new.credit_applied, new.amount_due, new.usage, new.source, new.created_at, new.finalized_at, new.due_at)
    is distinct from (old.id, old.tenant_id, old.subscription_id, old.number, old.kind, old.source_key, old.currency, old.period_start,
      old.period_end, old.subtotal, old.discount, old.tax, old.total, old.credit_applied, old.amount_due, old.usage, old.source, old.created_at, old.finalized_at, old.due_at) then
    raise exception 'invoice % is final', old.id using errcode = 'restrict_violation';
  end if;
  if old.status in ('paid', 'void') and new is distinct from old then
    raise exception 'invoice % is %', old.id, old.status using errcode = 'restrict_violation';
  end if;
  if new.status = old.status and (new.amount_paid, new.paid_at, new.voided_at, new.void_reason)
    is distinct from (old.amount_paid, old.paid_at, old.voided_at, old.void_reason) then
    raise exception 'invoice % is not being paid or voided', old.id using errcode = 'restrict_violation';
  end if;
  if new.status <> old.status and (old.status, new.status) not in (('draft', 'open'), ('draft', 'void'), ('open', 'paid'), ('open', 'void')) then
    raise exception 'invoice % cannot go from % to %', old.id, old.status, new.status using errcode = 'restrict_violation';
  end if;
  if (old.status, new.status) = ('draft', 'open')
    and new.total <> (select coalesce(sum(amount), 0) from invoice_lines where invoice_id = new.id) then
    raise exception 'the lines of invoice % do not sum to its total', new.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger invoices_guard before insert or update or delete on invoices for each row execute function guard_invoice();

create function guard_invoice_line() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    raise exception 'invoice lines are append-only' using errcode = 'restrict_violation';
  end if;
  if (select status from invoices where id = new.invoice_id) is distinct from 'draft' then
    raise exception 'invoice % is final', new.invoice_id using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger invoice_lines_guard before insert or update or delete on invoice_lines for each row execute function guard_invoice_line();

create table ledger_journals (
  id text primary key,
  tenant_id text not null references tenants (id),
  at timestamptz not null,
  kind text not null,                    -- invoice_finalized, invoice_voided, payment_succeeded, …
  source_id text not null,
  unique (kind, source_id),              -- one booking for one fact
  unique (id, tenant_id)
);
call protect('ledger_journals');
grant select, insert on ledger_journals to cognitionos_app, cognitionos_operator;

create table ledger_entries (
  id bigint generated always as identity primary key,
  tenant_id text not null references tenants (id),
  journal_id text not null,
  account text not null check (account in ('receivable', 'revenue', 'tax_payable', 'cash', 'customer_credit')),
  currency text not null,
  amount bigint not null check (amount <> 0),  -- minor units; debit positive, credit negative
  foreign key (journal_id, tenant_id) references ledger_journals (id, tenant_id)
);
create index ledger_entries_journal on ledger_entries (journal_id);
create index ledger_entries_account on ledger_entries (tenant_id, account, currency);
call protect('ledger_entries');
grant select, insert on ledger_entries to cognitionos_app, cognitionos_operator;
create trigger ledger_journals_append_only before update or delete on ledger_journals for each row execute function refuse_change();
create trigger ledger_entries_append_only before update or delete on ledger_entries for each row execute function refuse_change();

create function check_journal() returns trigger language plpgsql as $$
begin
  -- Row security binds this check too: under another tenant's setting it would find nothing wrong. A journal's entries have one tenant.
  if not exists (select from ledger_entries where id = new.id) then
    raise exception 'journal % cannot be seen to balance', new.journal_id using errcode = 'check_violation';
  end if;
  if exists (select from ledger_entries where journal_id = new.journal_id group by currency having sum(amount) <> 0) then
    raise exception 'journal % does not balance', new.journal_id using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger ledger_balances after insert on ledger_entries deferrable initially deferred for each row execute function check_journal();
