import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { ScheduledJob } from '../../platform/jobs/jobs.ts'
import { deleteViolations } from './violation-store.ts'

const KEPT_HOURS = 90 * 24

export const rateLimitJobs = ({
  db,
  clock,
}: {
  readonly db: Pick<Database, 'control'>
  readonly clock: Clock
}): readonly ScheduledJob[] => [
  {
    name: 'rate-limits-forget-violations',
    cron: '41 3 * * *',
    run: () =>
      db.control.asOperator('forget old violations', (tx) => deleteViolations(tx, clock.now().subtract({ hours: KEPT_HOURS }))),
  },
]
