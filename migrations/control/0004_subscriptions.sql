create table subscriptions (
  id text primary key,
  tenant_id text not null references tenants (id),
  status text not null check (status in ('trialing', 'active', 'canceled')),
  plan_version_id text not null references plan_versions (id),
  cycle text not null check (cycle in ('monthly', 'quarterly', 'annual')),
  currency text not null,
  monthly_price bigint not null check (monthly_price >= 0),   -- minor units, what this tenant pays
  price_overridden boolean not null,     -- monthly_price was agreed with this tenant, the plan's is another
  anchor_at timestamptz not null,
  anchor_index int not null,             -- the number of the period that starts at the anchor: numbers go on when the anchor moves
  time_zone text not null,
  period_index int not null,             -- -1: the trial
  period_start timestamptz not null,
  period_end timestamptz not null,
  charged bigint not null,               -- base charged for this period, proration included, minor units
  used_weight numeric(38,0) not null,    -- Σ price of the period × nanoseconds it ran, up to priced_from: what proration divides exactly
  priced_from timestamptz not null,
  trial_ends_at timestamptz,
  scheduled_plan_version_id text references plan_versions (id),
  scheduled_cycle text check (scheduled_cycle in ('monthly', 'quarterly', 'annual')),
  scheduled_monthly_price bigint check (scheduled_monthly_price >= 0),
  scheduled_price_overridden boolean,
  cancel_at_period_end boolean not null default false,
  cancel_reason text,
  canceled_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (period_start < period_end),
  check ((status = 'canceled') = (ended_at is not null)),
  check (num_nulls(scheduled_plan_version_id, scheduled_cycle, scheduled_monthly_price, scheduled_price_overridden) in (0, 4))
);
create unique index subscriptions_one_live on subscriptions (tenant_id) where ended_at is null;
create index subscriptions_newest on subscriptions (tenant_id, created_at desc, id desc);
create index subscriptions_all_newest on subscriptions (created_at desc, id desc);
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
  ends_at timestamptz check (ends_at >= starts_at),
  reason text not null check (reason in ('created', 'trial_ended', 'upgraded', 'downgraded'))
);
create index subscription_phases_order on subscription_phases (subscription_id, starts_at, id);
create unique index subscription_phases_one_open on subscription_phases (subscription_id) where ends_at is null;
call protect('subscription_phases');
grant select, insert, update on subscription_phases to cognitionos_app, cognitionos_operator;

create function guard_phase() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.ends_at is not null or to_jsonb(new) - 'ends_at' is distinct from to_jsonb(old) - 'ends_at' then
    raise exception 'subscription phases are append-only; only the last one ends' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger subscription_phases_guard before update or delete on subscription_phases for each row execute function guard_phase();
