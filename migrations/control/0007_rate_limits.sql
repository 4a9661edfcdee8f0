-- The operator's limits. What holds now is the version that the row names; what held before stays readable.
create table rate_limits (
  id text primary key,
  version int not null check (version >= 1),
  created_at timestamptz not null,
  archived_at timestamptz
);
create index rate_limits_oldest on rate_limits (created_at, id);
alter table rate_limits enable row level security;
alter table rate_limits force row level security;
create policy operator_rows on rate_limits to cognitionos_operator using (true) with check (true);
grant select, insert, update on rate_limits to cognitionos_operator;

create table rate_limit_versions (
  limit_id text not null references rate_limits (id),
  version int not null check (version >= 1),
  name text not null,
  scopes text[] not null check (cardinality(scopes) >= 1),
  policy jsonb not null,
  overrides jsonb not null default '[]',     -- [{ match, policy }]; policy null: not limited
  endpoints text[] not null default '{}',    -- patterns, one of which must fit; none: all
  resources text[] not null default '{}',
  schedule jsonb not null default '[]',      -- spans of time, one of which must hold; none: always
  reserved jsonb not null default '[]',      -- [{ min_priority, percent }]
  priority int not null default 0,
  mode text not null check (mode in ('enforce', 'shadow')),
  on_unavailable text not null check (on_unavailable in ('open', 'closed', 'local')),
  leased boolean not null,                   -- servers take blocks of it up front
  created_at timestamptz not null,
  primary key (limit_id, version)
);
alter table rate_limits add foreign key (id, version) references rate_limit_versions (limit_id, version) deferrable initially deferred;
create trigger rate_limit_versions_immutable before update or delete on rate_limit_versions
  for each row execute function refuse_change();
alter table rate_limit_versions enable row level security;
alter table rate_limit_versions force row level security;
create policy operator_rows on rate_limit_versions to cognitionos_operator using (true) with check (true);
grant select, insert on rate_limit_versions to cognitionos_operator;

-- Where an ADAPTIVE limit stands; it counts while the limit has the policy under which it was found.
create table rate_limit_levels (
  limit_id text primary key references rate_limits (id),
  policy jsonb not null,
  level bigint not null,
  state jsonb not null,
  tally jsonb not null                       -- what was seen since the last decision, of all servers
);
alter table rate_limit_levels enable row level security;
alter table rate_limit_levels force row level security;
create policy operator_rows on rate_limit_levels to cognitionos_operator using (true) with check (true);
grant select, insert, update on rate_limit_levels to cognitionos_operator;

create table rate_limit_adjustments (
  id text primary key,
  limit_id text not null,
  version int not null,
  old_level bigint not null,
  new_level bigint not null,
  cause text not null,
  signals jsonb not null,
  created_at timestamptz not null,
  foreign key (limit_id, version) references rate_limit_versions (limit_id, version)
);
create index rate_limit_adjustments_newest on rate_limit_adjustments (limit_id, created_at, id);
create trigger rate_limit_adjustments_immutable before update or delete on rate_limit_adjustments
  for each row execute function refuse_change();
alter table rate_limit_adjustments enable row level security;
alter table rate_limit_adjustments force row level security;
create policy operator_rows on rate_limit_adjustments to cognitionos_operator using (true) with check (true);
grant select, insert on rate_limit_adjustments to cognitionos_operator;

-- Refusals, summed over all servers: exact by limit and hour; of endpoints the heaviest 200, and one row for all others.
create table rate_limit_violations (
  limit_id text not null references rate_limits (id),
  hour timestamptz not null,
  endpoint text not null,                    -- '' where none was named
  refused bigint not null default 0,
  would_refuse bigint not null default 0,    -- by a limit in shadow mode
  primary key (limit_id, hour, endpoint)
);
create index rate_limit_violations_hour on rate_limit_violations (hour, limit_id);
alter table rate_limit_violations enable row level security;
alter table rate_limit_violations force row level security;
create policy operator_rows on rate_limit_violations to cognitionos_operator using (true) with check (true);
grant select, insert, update, delete on rate_limit_violations to cognitionos_operator;

-- The keys refused most often, by a sketch of bounded size: at least seen - overcount and at most seen.
create table rate_limit_violators (
  limit_id text not null references rate_limits (id),
  hour timestamptz not null,
  key text not null,
  seen bigint not null,
  overcount bigint not null,
  primary key (limit_id, hour, key)
);
alter table rate_limit_violators enable row level security;
alter table rate_limit_violators force row level security;
create policy operator_rows on rate_limit_violators to cognitionos_operator using (true) with check (true);
grant select, insert, update, delete on rate_limit_violators to cognitionos_operator;
