create table subscriptions (
  id text primary key,
  tenant_id text not null references tenants (id),
  status text not null check (status in ('trialing', 'active', 'canceled')),
  plan_version_id text not null references plan_versions (id),
  cycle text not null check (cycle in ('monthly', 'quarterly', 'annual')),
  currency text not null,
  price_override bigint,                 -- minor units a month; null: the plan's price
  anchor_at timestamptz not null,
  time_zone text not null,
  period_index int not null,
  period_start timestamptz not null,
  period_end timestamptz not null,
  trial_ends_at timestamptz,
  scheduled_plan_version_id text references plan_versions (id),
  scheduled_cycle text,
  cancel_at_period_end boolean not null default false,
  canceled_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index subscriptions_one_live on subscriptions (tenant_id) where ended_at is null;
create index subscriptions_newest on subscriptions (tenant_id, created_at desc, id desc);
create index subscriptions_due on subscriptions (period_end) where ended_at is null;
call protect('subscriptions');
grant select, insert, update on subscriptions to cognitionos_app, cognitionos_operator;

-- What the subscription was, when: half-open, tiling, append-only but for the end of the last one.
create table subscription_phases (
  id text primary key,
  tenant_id text not null references tenants (id),
  subscription_id text not null references subscriptions (id),
  plan_version_id text not null references plan_versions (id),
  cycle text not null,
  monthly_price bigint not null,
  starts_at timestamptz not null,
  ends_at timestamptz,
  reason text not null check (reason in ('created', 'trial_ended', 'upgraded', 'downgraded', 'renewed'))
);
create index subscription_phases_order on subscription_phases (subscription_id, starts_at);
call protect('subscription_phases');
grant select, insert, update on subscription_phases to cognitionos_app, cognitionos_operator;
