import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Observer } from '../http/server.ts'

export interface Metrics {
  readonly registry: Registry
  readonly observer: Observer
  /** Counts a request that a rate limit of the API itself refused, under each limit that did. */
  limited(by: readonly string[]): void
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Prometheus metrics of one process. Labels come from the route table and the status only: never an id, never a caller's text. */
export const metrics = ({
  inFlight,
  limitedKeys = () => ({}),
}: {
  readonly inFlight: () => number
  /** What the API's own limits count apart, by limit. */
  readonly limitedKeys?: () => Readonly<Record<string, number>>
}): Metrics => {
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
    help: 'Addresses, keys and tenants whose requests are counted now',
    labelNames: ['limit'] as const,
    registers: [registry],
    collect() {
      for (const [limit, keys] of Object.entries(limitedKeys())) this.set({ limit }, keys)
    },
  })
  return {
    registry,
    limited: (by) => {
      for (const limit of by) limited.inc({ limit })
    },
    observer: {
      ended(request, _reply, route, milliseconds, status) {
        requests.inc({ route, method: request.method, status })
        duration.observe({ route }, milliseconds / 1_000)
      },
    },
  }
}
