import type { Attempt } from './operations.ts'

export type Doubt = Omit<Attempt, 'holder'>

/** Beyond this the oldest is left to its lease's end. */
const MOST = 10_000

/**
 * Leases that the server may hold though nobody counts on them: the answer was lost. They are released at once and, until that is answered,
 * each time the server is heard of again. What held the lease before is not in doubt.
 */
export interface Doubts {
  add(doubt: Doubt): void
  /** It is asked for again, and no longer in doubt. By which request it is held if at all, so that the next one can let go of it too. */
  remove(id: string): string | undefined
  release(): void
}

export const doubts = (release: (doubt: Doubt) => Promise<unknown>): Doubts => {
  const byId = new Map<string, Doubt>()

  const tell = (doubt: Doubt): void => {
    release(doubt).then(
      () => {
        if (byId.get(doubt.id) === doubt) byId.delete(doubt.id)
      },
      () => {},
    )
  }

  return {
    add(doubt) {
      const [oldest] = byId.keys()
      if (byId.size >= MOST && oldest !== undefined) byId.delete(oldest)
      byId.set(doubt.id, doubt)
      tell(doubt)
    },
    remove(id) {
      const doubt = byId.get(id)
      byId.delete(id)
      return doubt?.by
    },
    release() {
      for (const doubt of byId.values()) tell(doubt)
    },
  }
}
