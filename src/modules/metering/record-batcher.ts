import type { Outcome, UsageEvent } from './event.ts'
import type { Submission } from './ingest-events.ts'

interface Waiting {
  readonly tenantId: string
  readonly event: UsageEvent
  readonly done: (outcome: Outcome) => void
  readonly failed: (error: unknown) => void
}

/** One commit takes at most this many single records; two commits are under way at most, so that PostgreSQL never idles between. */
const MAX_TOGETHER = 1_000
const MAX_COMMITS = 2

/**
 * Single records that arrive while a commit is under way share the next one. Nobody waits for a timer: a record that is alone is
 * committed at once. When a shared commit fails, each record is tried alone, so that none fails for another's sake.
 */
export const recordBatcher = (ingest: (submissions: readonly Submission[]) => Promise<readonly (readonly Outcome[])[]>) => {
  let waiting: Waiting[] = []
  let commits = 0
  let scheduled = false

  const alone = async ({ tenantId, event, done, failed }: Waiting): Promise<void> => {
    try {
      const [outcome] = (await ingest([{ tenantId, events: [event] }]))[0] ?? []
      done(outcome ?? 'duplicate')
    } catch (error) {
      failed(error)
    }
  }

  const together = async (batch: readonly Waiting[]): Promise<void> => {
    const tenants = [...Map.groupBy(batch, ({ tenantId }) => tenantId)]
    try {
      const outcomes = await ingest(
        tenants.map(([tenantId, records]) => ({ tenantId, events: records.map(({ event }) => event) })),
      )
      tenants.forEach(([, records], t) => {
        records.forEach(({ done }, i) => {
          done(outcomes[t]?.[i] ?? 'duplicate')
        })
      })
    } catch (error) {
      const [only] = batch
      if (batch.length === 1 && only) only.failed(error)
      else await Promise.all(batch.map(alone))
    }
  }

  const commit = (): void => {
    scheduled = false
    if (waiting.length === 0 || commits >= MAX_COMMITS) return
    const batch = waiting.slice(0, MAX_TOGETHER)
    waiting = waiting.slice(MAX_TOGETHER)
    commits += 1
    void together(batch).finally(() => {
      commits -= 1
      commit()
    })
  }

  return (tenantId: string, event: UsageEvent): Promise<Outcome> =>
    new Promise((done, failed) => {
      waiting.push({ tenantId, event, done, failed })
      if (scheduled || commits >= MAX_COMMITS) return
      scheduled = true
      // Requests read in the same turn of the event loop join in.
      setImmediate(commit)
    })
}
