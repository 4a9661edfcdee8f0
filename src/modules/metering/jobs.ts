import type { Logger } from 'pino'
import type { ScheduledJob } from '../../platform/jobs/jobs.ts'
import type { Subscriber } from '../../platform/outbox/outbox.ts'
import { MODEL_PRICE_SET } from './price-service.ts'
import { type RepriceDeps, repriceEvents } from './reprice-events.ts'

type JobDeps = RepriceDeps & { readonly log: Logger }

const repriceWith = (deps: JobDeps) => {
  const reprice = repriceEvents(deps)
  return async (): Promise<void> => {
    const repriced = await reprice()
    if (repriced > 0) deps.log.info({ repriced }, 'usage got its price')
  }
}

/** A new price is used at once for what waited for it. */
export const meteringSubscribers = (deps: JobDeps): Readonly<Record<string, readonly Subscriber[]>> => ({
  [MODEL_PRICE_SET]: [repriceWith(deps)],
})

export const meteringJobs = (deps: JobDeps): readonly ScheduledJob[] => [
  {
    // Events that another process priced by the book of a second ago, and models that a new version of the catalogue knows.
    name: 'metering-reprice',
    cron: '37 * * * *',
    run: repriceWith(deps),
  },
]
