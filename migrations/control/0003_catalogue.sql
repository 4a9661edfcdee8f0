create table plans (
  code text primary key,
  name text not null,
  tier text not null check (tier in ('FREE', 'STARTER', 'PRO', 'BUSINESS', 'ENTERPRISE', 'CUSTOM')),
  tenant_id text references tenants (id),   -- a custom plan of one tenant; null: offered to all
  created_at timestamptz not null,
  archived_at timestamptz
);
create index plans_oldest on plans (created_at, code);
alter table plans enable row level security;
alter table plans force row level security;
create policy tenant_rows on plans to cognitionos_app
  using (tenant_id is null or tenant_id = (select nullif(current_setting('app.tenant_id', true), '')))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')));
create policy operator_rows on plans to cognitionos_operator using (true) with check (true);
grant select on plans to cognitionos_app;
grant select, insert, update on plans to cognitionos_operator;

create table plan_versions (
  id text primary key,
  plan_code text not null references plans (code),
  version int not null check (version >= 1),
  currency text not null,
  monthly_price bigint not null check (monthly_price >= 0),                    -- minor units
  included_compute_hours numeric(38,12) not null,
  included_api_calls numeric(38,12) not null,
  included_storage_gb numeric(38,12) not null,
  included_users numeric(38,12) not null,
  overage_compute_hour numeric(38,12),                                           -- major units; null: no overage
  overage_1000_api_calls numeric(38,12),
  overage_storage_gb numeric(38,12),
  overage_user numeric(38,12),
  hard_stop boolean not null,
  api_calls_per_minute int not null,
  concurrent_agents int not null,
  llm_pass_through boolean not null default false,
  llm_markup_percent numeric(12,6) not null default 0,
  trial_days int not null default 0 check (trial_days between 0 and 365),
  created_at timestamptz not null,
  unique (plan_code, version),
  -- Use beyond what is included is either refused or priced, never both.
  check (not hard_stop or coalesce(overage_compute_hour, overage_1000_api_calls, overage_storage_gb, overage_user) is null)
);
-- What was sold stays as it was sold: a change is a new version.
create trigger plan_versions_immutable before update or delete on plan_versions for each row execute function refuse_change();
-- Whoever may not see the plan does not see its terms.
alter table plan_versions enable row level security;
alter table plan_versions force row level security;
create policy tenant_rows on plan_versions for select to cognitionos_app using (exists (select from plans where plans.code = plan_code));
create policy operator_rows on plan_versions to cognitionos_operator using (true) with check (true);
grant select on plan_versions to cognitionos_app;
grant select, insert on plan_versions to cognitionos_operator;

create table model_prices (
  id text primary key,
  provider text not null,
  model text not null,
  effective_from timestamptz not null,
  currency text not null default 'USD',
  rates jsonb not null,                  -- per token, decimal strings of USD; see metering/pricing
  source text not null check (source in ('seed', 'operator')),
  created_at timestamptz not null,
  unique (provider, model, effective_from)
);
grant select on model_prices to cognitionos_app;
grant select, insert, update on model_prices to cognitionos_operator;
