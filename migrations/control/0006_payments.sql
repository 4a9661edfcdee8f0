create table payments (
  id text primary key,
  tenant_id text not null references tenants (id),
  invoice_id text not null references invoices (id),
  status text not null check (status in ('processing', 'requires_action', 'succeeded', 'failed')),
  amount bigint not null check (amount > 0),
  currency text not null,
  gateway text not null,
  payment_method text not null,          -- the gateway's token, never a card number
  gateway_reference text,
  failure_code text,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
-- At most one attempt at a time may still take the money of an invoice.
create unique index payments_one_open on payments (invoice_id) where status in ('processing', 'requires_action', 'succeeded');
create index payments_newest on payments (tenant_id, created_at desc, id desc);
call protect('payments');
grant select, insert, update on payments to cognitionos_app, cognitionos_operator;

-- The books of the built-in sandbox gateway, which stands for a provider outside: it has its own table and its own transactions.
create table sandbox_charges (
  idempotency_key text primary key,
  reference text not null unique,
  amount bigint not null,
  currency text not null,
  outcome text not null,
  created_at timestamptz not null
);
grant select, insert, update on sandbox_charges to cognitionos_operator;
