import { PgBoss } from 'pg-boss'
import type { Logger } from 'pino'
import type { InSpan } from '../telemetry/tracing.ts'

export const JOB_SCHEMA = 'pgboss'

/** A job that runs on a schedule: one at a time over all processes; a run must be safe to repeat from any point. */
export interface ScheduledJob {
  readonly name: string
  /** Five fields, UTC. */
  readonly cron: string
  run(): Promise<void>
}

export interface Jobs {
  start(): Promise<void>
  stop(): Promise<void>
}

/** Told of each run's end. */
export type JobObserver = (job: string, outcome: 'done' | 'failed') => void

export interface JobsDeps {
  readonly appUrl: string
  readonly jobs: readonly ScheduledJob[]
  readonly log: Logger
  readonly ended: JobObserver
  readonly inSpan: InSpan
}

/** A run whose process died is given to another one after this time without a sign of life, not only when its quarter of an hour is over. */
const HEARTBEAT_SECONDS = 60

/** The worker: pg-boss on the control database as the restricted role; its schema was made by the owner. */
export const worker = ({ appUrl, jobs, log, ended, inSpan }: JobsDeps): Jobs => {
  const boss = new PgBoss({ connectionString: appUrl, schema: JOB_SCHEMA, max: 4, migrate: false })
  // Only the reason: pg hangs the whole connection, its cancel secret included, on the error.
  boss.on('error', ({ message }) => log.warn({ reason: message }, 'the job queue could not reach its database'))
  boss.on('warning', ({ message }) => log.warn({ reason: message }, 'the job queue warns'))

  const run = async (job: ScheduledJob): Promise<void> => {
    const began = performance.now()
    const elapsed = (): number => Math.round(performance.now() - began)
    try {
      await inSpan(job.name, {}, () => job.run())
    } catch (error) {
      // pg-boss keeps the error in its own table and tells nobody.
      log.error({ err: error, job: job.name, ms: elapsed() }, 'a job failed; it will be tried again')
      ended(job.name, 'failed')
      throw error
    }
    log.debug({ job: job.name, ms: elapsed() }, 'job done')
    ended(job.name, 'done')
  }

  return {
    async start() {
      await boss.start()
      for (const job of jobs) {
        await boss.createQueue(job.name, { policy: 'exclusive' })
        // Said anew at each start: a queue that exists keeps what it was made with.
        await boss.updateQueue(job.name, { retryLimit: 3, retryBackoff: true, heartbeatSeconds: HEARTBEAT_SECONDS })
        await boss.work(job.name, { pollingIntervalSeconds: 2 }, () => run(job))
        await boss.schedule(job.name, job.cron)
      }
    },
    stop: () => boss.stop({ graceful: true, timeout: 10_000 }),
  }
}
