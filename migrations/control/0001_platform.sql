-- Row security for one table, the same way everywhere: the tenant sees its own rows, the operator role sees all.
-- The policy reads the setting once a statement (a sub-select), and an unset or empty setting matches nothing.
create procedure protect(target regclass, tenant_column text default 'tenant_id') language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format('create policy tenant_rows on %1$s to cognitionos_app
    using (%2$I = (select nullif(current_setting(''app.tenant_id'', true), '''')))
    with check (%2$I = (select nullif(current_setting(''app.tenant_id'', true), '''')))', target, tenant_column);
  execute format('create policy operator_rows on %s to cognitionos_operator using (true) with check (true)', target);
end $$;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

create table api_keys (
  id text primary key,
  tenant_id text,                       -- null: an operator's key
  name text not null,
  prefix text not null,                 -- what a person may see: kind and first characters
  hash bytea not null unique,           -- SHA-256 of the whole key
  scopes text[] not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  rotated_to text references api_keys (id)
);
create index api_keys_tenant on api_keys (tenant_id, created_at desc, id);
call protect('api_keys');
grant select, insert, update on api_keys to cognitionos_app, cognitionos_operator;

create table idempotency_keys (
  tenant_id text not null,              -- the caller's tenant; 'operator' for operator keys
  principal bytea not null,             -- what the caller may do: who may do less is not told what another's request was answered
  operation text not null,              -- method and concrete path
  key text not null,
  request_hash bytea not null,
  lease_until timestamptz not null,     -- a claim whose holder died may be taken over after this
  status int,                           -- null while in flight
  reply bytea,                          -- sealed: it may hold a secret that is shown once
  content_type text,
  created_at timestamptz not null,
  primary key (tenant_id, principal, operation, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);
call protect('idempotency_keys');
grant select, insert, update, delete on idempotency_keys to cognitionos_app, cognitionos_operator;

create table audit_log (
  id text primary key,
  at timestamptz not null,
  tenant_id text,                       -- whose data it concerns, where known
  actor_kind text not null check (actor_kind in ('operator', 'tenant', 'system', 'anonymous')),
  actor_id text,                        -- the key's id
  operation text not null,              -- the route's or job's id
  target text,
  outcome text not null check (outcome in ('done', 'denied')),
  code text,                            -- the error's code when denied
  request_id text,
  ip inet,
  detail jsonb not null default '{}'
);
create index audit_log_tenant on audit_log (tenant_id, at desc, id desc);
create index audit_log_at on audit_log (at desc, id desc);
call protect('audit_log');
create trigger audit_log_append_only before update or delete on audit_log for each row execute function refuse_change();
grant select, insert on audit_log to cognitionos_app, cognitionos_operator;

create table outbox (
  id text primary key,
  tenant_id text,
  type text not null,
  payload jsonb not null,
  created_at timestamptz not null,
  published_at timestamptz,
  attempts int not null default 0,
  retry_at timestamptz,                 -- a failed delivery waits until then, and its tenant's later events with it
  last_error text
);
create index outbox_waiting on outbox (created_at, id) where published_at is null;
call protect('outbox');
grant select, insert, update, delete on outbox to cognitionos_app, cognitionos_operator;
-- Events without a tenant (a model's price changed) are written in operator transactions only.
