import type { Outcome, UsageEvent } from './event.ts'
import type { Submission } from './ingest-events.ts'

interface Waiting {
  readonly tenantId: string
  readonly event: UsageEvent
  readonly done: (outcome: Outcome) => void
  readonly failed: (error: unknown) => void
}

/** What waits for the next commit of one place, and how many are under way there. */
interface Lane {
  waiting: Waiting[]
  commits: number
  scheduled: boolean
}

/** One commit takes at most this many single records. */
const MAX_TOGETHER = 1_000
/** While one commit is under way a second may begin once so many wait: fewer are cheaper in the commit that follows. */
const WORTH_A_SECOND = 200

const due = ({ waiting, commits }: Lane): boolean =>
  waiting.length > (commits === 0 ? 0 : commits === 1 ? WORTH_A_SECOND : Number.POSITIVE_INFINITY)

type Ingest = (submissions: readonly Submission[]) => Promise<readonly (readonly Outcome[])[]>

/**
 * Single records that arrive while a commit is under way share the next one. Nobody waits for a timer: a record that is alone is
 * committed at once. Only records of one lane share, so that a place that is slow or away holds up no other. When a shared commit fails,
 * each record is tried alone, so that none fails for another's sake.
 */
export const recordBatcher = (ingest: Ingest, laneOf: (tenantId: string) => Promise<string>) => {
  const lanes = new Map<string, Lane>()

  const alone = async ({ tenantId, event, done, failed }: Waiting): Promise<void> => {
    try {
      const [outcome] = (await ingest([{ tenantId, events: [event] }]))[0] ?? []
      done(outcome ?? 'duplicate')
    } catch (error) {
      failed(error)
    }
  }

  const together = async (batch: readonly Waiting[]): Promise<void> => {
    const [only] = batch
    if (batch.length === 1 && only) return alone(only)
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
    } catch {
      await Promise.all(batch.map(alone))
    }
  }

  const commit = (name: string, lane: Lane): void => {
    lane.scheduled = false
    if (lane.waiting.length === 0 && lane.commits === 0) lanes.delete(name)
    if (!due(lane)) return
    const batch = lane.waiting.slice(0, MAX_TOGETHER)
    lane.waiting = lane.waiting.slice(MAX_TOGETHER)
    lane.commits += 1
    void together(batch).finally(() => {
      lane.commits -= 1
      commit(name, lane)
    })
  }

  return async (tenantId: string, event: UsageEvent): Promise<Outcome> => {
    const name = await laneOf(tenantId)
    return new Promise((done, failed) => {
      const lane = lanes.get(name) ?? { waiting: [], commits: 0, scheduled: false }
      lanes.set(name, lane)
      lane.waiting.push({ tenantId, event, done, failed })
      if (lane.scheduled || !due(lane)) return
      lane.scheduled = true
      // Requests read in the same turn of the event loop join in.
      setImmediate(commit, name, lane)
    })
  }
}
