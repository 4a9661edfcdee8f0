create procedure protect(target regclass) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format('create policy tenant_rows on %s to cognitionos_app
    using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')))
    with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')))', target);
  execute format('create policy operator_rows on %s to cognitionos_operator using (true) with check (true)', target);
end $$;

-- The key is the deduplication: (tenant, event id), for ever, whatever timestamp a retry carries.
create table usage_events (
  tenant_id text not null,
  id text not null,
  type text not null,
  provider text,
  model text,
  user_id text,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null,
  success boolean not null,
  quantity numeric(38,12) not null,      -- calls, seconds, bytes …: the unit follows from the type
  input_tokens bigint not null,          -- the whole input, cached part included
  cached_input_tokens bigint not null,
  cache_write_tokens bigint not null,
  output_tokens bigint not null,         -- the whole output, reasoning included
  reasoning_tokens bigint not null,
  duration_ms int,
  cost numeric(38,12),                   -- USD; null: unpriced
  attributes jsonb,
  primary key (tenant_id, id)
);
create index usage_events_time on usage_events (tenant_id, occurred_at);
create index usage_events_unpriced on usage_events (tenant_id, id) include (provider, model, occurred_at) where cost is null;
call protect('usage_events');
grant select, insert, update on usage_events to cognitionos_app, cognitionos_operator;

create table usage_hours (
  tenant_id text not null,
  hour timestamptz not null,
  type text not null,
  provider text not null,                -- '' where an event has none: part of the key
  model text not null,
  user_id text not null,
  events bigint not null,
  failures bigint not null,
  timed bigint not null,                 -- events that tell their duration: what a mean duration is the mean of
  quantity numeric(38,12) not null,
  quantity_seconds numeric(56,18) not null,  -- Σ quantity × seconds since the hour began, exact: levels (storage) integrate without rounding
  input_tokens bigint not null,
  cached_input_tokens bigint not null,
  cache_write_tokens bigint not null,
  output_tokens bigint not null,
  reasoning_tokens bigint not null,
  duration_ms bigint not null,
  cost numeric(38,12) not null,
  unpriced bigint not null,
  primary key (tenant_id, hour, type, provider, model, user_id)
);
call protect('usage_hours');
grant select, insert, update on usage_hours to cognitionos_app, cognitionos_operator;

-- Only tenants with a hard stop have rows: what is used of what the period includes, counted in the events' own transaction.
create table usage_allowances (
  tenant_id text not null,
  meter text not null,
  since timestamptz not null,            -- when the stop began in this period: a plan without one between two counts nothing here
  used numeric(38,12) not null,
  primary key (tenant_id, meter, since)
);
call protect('usage_allowances');
grant select, insert, update on usage_allowances to cognitionos_app, cognitionos_operator;

revoke all on procedure protect(regclass) from public;
