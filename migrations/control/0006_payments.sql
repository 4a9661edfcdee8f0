create table payments (
  id text primary key,                   -- also the gateway's idempotency key: one payment is charged at most once, however often it is tried
  tenant_id text not null references tenants (id),
  invoice_id text not null,
  status text not null check (status in ('processing', 'requires_action', 'succeeded', 'failed')),
  amount bigint not null check (amount > 0),
  currency text not null,
  gateway text not null,
  payment_method text not null,          -- the gateway's token, never a card number
  gateway_reference text,
  failure_code text,
  action_url text,                       -- where the payer confirms, while that is asked for
  resolve_at timestamptz,                -- when a job asks the gateway what became of it; null: settled
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((failure_code is not null) = (status = 'failed')),
  check ((action_url is not null) = (status = 'requires_action')),
  check ((resolve_at is null) = (status in ('succeeded', 'failed'))),
  check (status <> 'succeeded' or gateway_reference is not null),
  foreign key (invoice_id, tenant_id) references invoices (id, tenant_id)
);
-- At most one attempt at a time may still take the money of an invoice.
create unique index payments_one_open on payments (invoice_id) where status in ('processing', 'requires_action', 'succeeded');
create index payments_newest on payments (tenant_id, created_at desc, id desc);
create index payments_all_newest on payments (created_at desc, id desc);
create index payments_unsettled on payments (resolve_at) where status in ('processing', 'requires_action');
call protect('payments');
grant select, insert, update on payments to cognitionos_app, cognitionos_operator;

create function guard_payment() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.status in ('succeeded', 'failed') then
    raise exception 'payment % is settled', old.id using errcode = 'restrict_violation';
  end if;
  if (new.id, new.tenant_id, new.invoice_id, new.amount, new.currency, new.gateway, new.created_at)
    is distinct from (old.id, old.tenant_id, old.invoice_id, old.amount, old.currency, old.gateway, old.created_at) then
    raise exception 'payment % is for another thing', old.id using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger payments_guard before update or delete on payments for each row execute function guard_payment();

-- The books of the built-in sandbox gateway, which stands for a provider outside: it has its own table and its own transactions.
create table sandbox_charges (
  idempotency_key text primary key,
  reference text not null unique,
  amount bigint,                         -- null: given up before it arrived
  currency text,
  outcome text not null check (outcome in ('succeeded', 'declined', 'requires_action', 'canceled')),
  failure_code text,
  created_at timestamptz not null
);
grant select, insert, update on sandbox_charges to cognitionos_operator;
