import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Observer } from '../http/server.ts'
import type { JobObserver } from '../jobs/jobs.ts'

export interface Metrics {
  readonly registry: Registry
  readonly observer: Observer
  readonly jobEnded: JobObserver
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Prometheus metrics of one process. Labels come from the route table and the status only: never an id, never a caller's text. */
export const metrics = ({ inFlight }: { readonly inFlight: () => number }): Metrics => {
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
    observer: {
      ended(request, _reply, route, milliseconds, status) {
        requests.inc({ route, method: request.method, status })
        duration.observe({ route }, milliseconds / 1_000)
      },
    },
  }
}
