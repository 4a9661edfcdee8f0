create table clusters (
  id text primary key,
  name text not null unique,
  region text,
  secret bytea not null,                -- AES-256-GCM of the owner's connection URL
  creation_key text unique,             -- the Idempotency-Key of its POST: a repeat after a crash finds what was made
  created_at timestamptz not null
);
grant select, insert, update on clusters to cognitionos_operator;

create table tenants (
  id text primary key,
  slug text not null unique,
  name text not null,
  type text not null check (type in ('INDIVIDUAL', 'SMALL_BUSINESS', 'ENTERPRISE', 'RESELLER', 'PARTNER')),
  status text not null check (status in ('pending_activation', 'trial', 'active', 'suspended', 'churned', 'deleted')),
  status_before_suspension text,
  status_reason text,
  isolation text not null check (isolation in ('SHARED', 'SCHEMA', 'DATABASE', 'CLUSTER')),
  currency text not null,
  time_zone text not null,
  parent_id text references tenants (id),
  trial_ends_at timestamptz,
  quota_storage_gb int not null,
  quota_api_calls_per_hour int not null,
  quota_users int not null,
  quota_compute_hours int not null,
  metadata jsonb not null default '{}',
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index tenants_newest on tenants (created_at desc, id desc);
create index tenants_trials on tenants (trial_ends_at) where status = 'trial';
call protect('tenants', 'id');
grant select, insert, update on tenants to cognitionos_app, cognitionos_operator;

-- Where a tenant's plane lives. Written before anything is built, so that a half-built place can be found and undone.
create table placements (
  tenant_id text primary key,
  isolation text not null check (isolation in ('SHARED', 'SCHEMA', 'DATABASE', 'CLUSTER')),
  state text not null check (state in ('provisioning', 'ready', 'undoing')),
  cluster_id text references clusters (id),
  database_name text,                   -- null: the control database
  schema_name text not null,
  plane_version int not null default 0, -- the newest tenant migration applied there: a rollout over thousands resumes where it stopped
  creation_key text unique,             -- the Idempotency-Key of the tenant's POST: a repeat after a crash finds what was begun
  created_at timestamptz not null,
  check ((cluster_id is not null) = (isolation = 'CLUSTER')),
  check ((database_name is not null) = (isolation in ('DATABASE', 'CLUSTER')))
);
create index placements_unfinished on placements (created_at) where state <> 'ready';
create index placements_rollout on placements (tenant_id) where isolation <> 'SHARED';
call protect('placements');
grant select, insert, update, delete on placements to cognitionos_app, cognitionos_operator;

create table tenant_users (
  id text primary key,
  tenant_id text not null references tenants (id),
  email text not null,
  name text not null,
  role text not null check (role in ('admin', 'member', 'readonly')),
  permissions text[] not null default '{}',
  created_at timestamptz not null,
  updated_at timestamptz not null,
  removed_at timestamptz
);
create unique index tenant_users_email on tenant_users (tenant_id, lower(email)) where removed_at is null;
create index tenant_users_newest on tenant_users (tenant_id, created_at desc, id desc);
call protect('tenant_users');
grant select, insert, update on tenant_users to cognitionos_app, cognitionos_operator;
