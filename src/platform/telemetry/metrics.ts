import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { PoolUse } from '../db/pool-use.ts'
import type { Observer } from '../http/server.ts'
import type { JobObserver } from '../jobs/jobs.ts'

export interface Metrics {
  readonly registry: Registry
  readonly observer: Observer
  /** Counts a request that a rate limit of the API itself refused, under each limit that did. */
  limited(by: readonly string[]): void
  /** Counts an answer of a rate limit whose counts could not be reached, by what answered in their place. */
  limitDegraded(by: string): void
  /** Counts an agent that was refused a place of its tenant's plan. */
  agentRefused(): void
  /** Counts a rate limit that could not be moved with the load. */
  adjustmentFailed(): void
  readonly jobEnded: JobObserver
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export interface MetricsDeps {
  readonly inFlight: () => number
  readonly pools: () => readonly PoolUse[]
  /** What the API's own limits count apart, by limit. */
  readonly limitedKeys?: () => Readonly<Record<string, number>>
  /** Whether Redis answers; undefined where none is used. */
  readonly redisReachable?: () => boolean | undefined
}

/**
 * Prometheus metrics of one process. Labels come from the tables of routes and jobs, the status and the kinds of pools only: never an id,
 * never a caller's text.
 */
export const metrics = ({
  inFlight,
  pools,
  limitedKeys = () => ({}),
  redisReachable = () => undefined,
}: MetricsDeps): Metrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests answered',
    labelNames: ['route', 'method', 'status'] as const,
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time to answer',
    labelNames: ['route'] as const,
    buckets: SECONDS,
    registers: [registry],
  })
  new Gauge({
    name: 'http_requests_in_flight',
    help: 'Requests being worked on',
    registers: [registry],
    collect() {
      this.set(inFlight())
    },
  })
  const limited = new Counter({
    name: 'http_requests_rate_limited_total',
    help: 'Requests that a rate limit of the API itself refused; one that two refused counts under both',
    labelNames: ['limit'] as const,
    registers: [registry],
  })
  new Gauge({
    name: 'http_rate_limit_keys',
    help: 'Addresses, keys and tenants whose requests this process counts now',
    labelNames: ['limit'] as const,
    registers: [registry],
    collect() {
      for (const [limit, keys] of Object.entries(limitedKeys())) this.set({ limit }, keys)
    },
  })
  const degraded = new Counter({
    name: 'rate_limit_degraded_total',
    help: 'Answers of rate limits whose counts could not be reached, by what answered in their place',
    labelNames: ['on_unavailable'] as const,
    registers: [registry],
  })
  const agentsRefused = new Counter({
    name: 'concurrent_agents_refused_total',
    help: "Agents that were refused a place, as their tenant's plan lets no more run at once",
    registers: [registry],
  })
  const unadjusted = new Counter({
    name: 'rate_limit_adjustments_failed_total',
    help: 'Times that a rate limit could not be moved with the load that it saw; it is tried again',
    registers: [registry],
  })
  new Gauge({
    name: 'rate_limit_redis_reachable',
    help: 'Whether the Redis that rate limits are counted in answers; absent where none is used',
    registers: [registry],
    collect() {
      const reachable = redisReachable()
      // Reset, it would tell 0: that it is gone.
      if (reachable === undefined) this.remove()
      else this.set(reachable ? 1 : 0)
    },
  })
  gaugePools(registry, pools)
  const jobs = new Counter({
    name: 'job_runs_total',
    help: 'Runs of scheduled jobs that ended in this process',
    labelNames: ['job', 'outcome'] as const,
    registers: [registry],
  })
  const jobDone = new Gauge({
    name: 'job_last_done_timestamp_seconds',
    help: 'When this process last did a job to its end',
    labelNames: ['job'] as const,
    registers: [registry],
  })
  return {
    registry,
    jobEnded(job, outcome) {
      jobs.inc({ job, outcome })
      if (outcome === 'done') jobDone.setToCurrentTime({ job })
    },
    limited: (by) => {
      for (const limit of by) limited.inc({ limit })
    },
    agentRefused: () => agentsRefused.inc(),
    limitDegraded: (by) => degraded.inc({ on_unavailable: by }),
    adjustmentFailed: () => unadjusted.inc(),
    observer: {
      ended(request, _reply, route, milliseconds, status) {
        requests.inc({ route, method: request.method, status })
        duration.observe({ route }, milliseconds / 1_000)
      },
    },
  }
}

const gaugePools = (registry: Registry, pools: () => readonly PoolUse[]): void => {
  const registers = [registry]
  new Gauge({
    name: 'db_client_connections',
    help: 'Open connections to PostgreSQL, in use or idle, by what the pool is for',
    labelNames: ['pool', 'state'] as const,
    registers,
    collect() {
      for (const { kind, used, idle } of pools()) {
        this.set({ pool: kind, state: 'used' }, used)
        this.set({ pool: kind, state: 'idle' }, idle)
      }
    },
  })
  new Gauge({
    name: 'db_client_connections_max',
    help: 'Connections that the open pools may have',
    labelNames: ['pool'] as const,
    registers,
    collect() {
      for (const { kind, max } of pools()) this.set({ pool: kind }, max)
    },
  })
  new Gauge({
    name: 'db_client_pending_requests',
    help: 'Transactions that wait for a connection',
    labelNames: ['pool'] as const,
    registers,
    collect() {
      for (const { kind, waiting } of pools()) this.set({ pool: kind }, waiting)
    },
  })
}
