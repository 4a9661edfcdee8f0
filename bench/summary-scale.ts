import { withOwner } from '../src/platform/db/migrate.ts'
import { type Claim, interleave } from './claim.ts'
import { during, load, request } from './http-load.ts'
import type { BenchPlace } from './place.ts'
import { createTenant, startServer } from './server-process.ts'

const FEW = 10_000
const CONCURRENCY = 4
const KEYS = { hours: 720, models: 2, users: 5 } as const

/**
 * `count` events over the 720 hours of a month, two models and five users: the same groups at each size, so that what differs is the number
 * of events behind them. Roll-ups are summed from the events, as ingestion would have left them.
 */
const fill = (place: BenchPlace, tenantId: string, count: number): Promise<void> =>
  withOwner(place.ownerUrl, async (owner) => {
    await owner.query('set search_path to tenant_plane')
    const million = 1_000_000
    for (let from = 0; from < count; from += million)
      await owner.query(
        `insert into usage_events (tenant_id, id, type, provider, model, user_id, occurred_at, recorded_at, success, quantity, input_tokens,
           cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, duration_ms, cost)
         select $1, 'e' || lpad(n::text, 9, '0'), 'LLM_COMPLETION', 'openai', 'model-' || n / ${KEYS.hours} % ${KEYS.models},
           'user-' || n / ${KEYS.hours * KEYS.models} % ${KEYS.users},
           '2026-01-01T00:00:00Z'::timestamptz + make_interval(hours => n % ${KEYS.hours}, secs => n % 3599), now(), n % 50 <> 0, 1,
           100 + n % 8000, 0, 0, n % 1000, 0, n % 3000, (n % 100000)::numeric / 1000000
         from generate_series($2::int, $3::int) n`,
        [tenantId, from, Math.min(from + million, count) - 1],
      )
    await owner.query(
      `insert into usage_hours (tenant_id, hour, type, provider, model, user_id, events, failures, timed, quantity, quantity_seconds,
         input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, duration_ms, cost, unpriced)
       select tenant_id, date_trunc('hour', occurred_at, 'UTC'), type, provider, model, user_id, count(*), count(*) filter (where not success),
         count(duration_ms), sum(quantity), 0, sum(input_tokens), 0, 0, sum(output_tokens), 0, sum(duration_ms), sum(cost), 0
       from usage_events where tenant_id = $1 group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6`,
      [tenantId],
    )
    await owner.query('vacuum (analyze) usage_events')
    await owner.query('vacuum (analyze) usage_hours')
  })

/** A month's summary by model over few events against one over many: the ratio of their speeds. */
export const summaryScale: Claim = {
  name: 'summary-scale',
  unit: 'summaries/s',
  goal: 0.75,
  async run(place, { short }) {
    const many = short ? 1_000_000 : 10_000_000
    const rounds = short ? 5 : 9
    const server = await startServer('serve-app.ts', place)
    try {
      const [small, large] = [await createTenant(server), await createTenant(server)]
      await fill(place, small.id, FEW)
      await fill(place, large.id, many)
      const month = 'from=2026-01-01T00:00:00Z&to=2026-01-31T00:00:00Z&group_by=model'
      const measure = (tenant: { id: string; key: string }) => async () => {
        const same = request('GET', `/usage/${tenant.id}/summary?${month}`, tenant.key)
        const { answers, seconds } = await load(server.port, CONCURRENCY, during(2_000, same))
        return answers / seconds
      }
      const figures = await interleave(rounds, measure(large), measure(small))
      const groups = KEYS.hours * KEYS.models * KEYS.users
      const notes = [
        `a month by model over HTTP: ours over ${many} events, the reference over ${FEW}, both in ${groups} hourly groups`,
      ]
      return { ...figures, notes }
    } finally {
      await server.stop()
    }
  },
}
