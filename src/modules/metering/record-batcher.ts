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
/** While one commit is under way a second may begin once so many wait: fewer are cheaper in the commit that follows (16 to 200 were tried). */
const WORTH_A_SECOND = 32

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
  /** Asked for once a commit: the records that arrive meanwhile are mostly of few tenants. */
  const names = new Map<string, string | Promise<string>>()

  const nameOf = (tenantId: string): string | Promise<string> => {
    const known = names.get(tenantId)
    if (known !== undefined) return known
    const asked = laneOf(tenantId)
    names.set(tenantId, asked)
    asked.then(
      (name) => {
        if (names.get(tenantId) === asked) names.set(tenantId, name)
      },
      () => names.delete(tenantId), // whoever asked is told; who comes after asks again
    )
    return asked
  }

  const alone = async ({ tenantId, event, done, failed }: Waiting): Promise<void> => {
    try {
      const [outcome] = (await ingest([{ tenantId, events: [event] }]))[0] ?? []
      done(outcome ?? 'duplicate')
    } catch (error) {
      failed(error)
    }
  }

  /** Answers, once it is committed, with what tells each record so. */
  const together = async (batch: readonly Waiting[]): Promise<() => void> => {
    const tenants = [...Map.groupBy(batch, ({ tenantId }) => tenantId)]
    const outcomes = await ingest(tenants.map(([tenantId, records]) => ({ tenantId, events: records.map(({ event }) => event) })))
    return () =>
      tenants.forEach(([, records], t) => {
        records.forEach(({ done }, i) => {
          done(outcomes[t]?.[i] ?? 'duplicate')
        })
      })
  }

  const settle = async (batch: readonly Waiting[]): Promise<() => void> => {
    try {
      return await together(batch)
    } catch (error) {
      const [only] = batch
      if (batch.length === 1 && only) return () => only.failed(error)
      await Promise.all(batch.map(alone))
      return () => {}
    }
  }

  const commit = (name: string, lane: Lane): void => {
    lane.scheduled = false
    names.clear()
    if (lane.waiting.length === 0 && lane.commits === 0) lanes.delete(name)
    if (!due(lane)) return
    const batch = lane.waiting.slice(0, MAX_TOGETHER)
    lane.waiting = lane.waiting.slice(MAX_TOGETHER)
    lane.commits += 1
    void settle(batch).then((tell) => {
      lane.commits -= 1
      commit(name, lane)
      // The next commit leaves before these are answered: the database works while the answers are written.
      setImmediate(tell)
    })
  }

  const join = (name: string, tenantId: string, event: UsageEvent): Promise<Outcome> =>
    new Promise((done, failed) => {
      const lane = lanes.get(name) ?? { waiting: [], commits: 0, scheduled: false }
      lanes.set(name, lane)
      lane.waiting.push({ tenantId, event, done, failed })
      if (lane.scheduled || !due(lane)) return
      lane.scheduled = true
      // Requests read in the same turn of the event loop join in.
      setImmediate(commit, name, lane)
    })

  return (tenantId: string, event: UsageEvent): Promise<Outcome> => {
    const name = nameOf(tenantId)
    return typeof name === 'string' ? join(name, tenantId, event) : name.then((told) => join(told, tenantId, event))
  }
}
