import { PgBoss } from 'pg-boss'
import type { Logger } from 'pino'

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

export interface JobsDeps {
  readonly appUrl: string
  readonly jobs: readonly ScheduledJob[]
  readonly log: Logger
}

/** The worker: pg-boss on the control database as the restricted role; its schema was made by the owner. */
export const worker = ({ appUrl, jobs, log }: JobsDeps): Jobs => {
  const boss = new PgBoss({ connectionString: appUrl, schema: JOB_SCHEMA, max: 4, migrate: false })
  // Only the reason: pg hangs the whole connection, its cancel secret included, on the error.
  boss.on('error', ({ message }) => log.warn({ reason: message }, 'the job queue could not reach its database'))
  return {
    async start() {
      await boss.start()
      for (const job of jobs) {
        await boss.createQueue(job.name, { policy: 'exclusive', retryLimit: 3, retryBackoff: true })
        await boss.work(job.name, { pollingIntervalSeconds: 2 }, async () => {
          const started = performance.now()
          await job.run()
          log.debug({ job: job.name, ms: Math.round(performance.now() - started) }, 'job done')
        })
        await boss.schedule(job.name, job.cron)
      }
    },
    stop: () => boss.stop({ graceful: true, timeout: 10_000 }),
  }
}
