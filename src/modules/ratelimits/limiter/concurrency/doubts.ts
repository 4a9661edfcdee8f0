/** Beyond this the oldest is left to its lease's end. */
const MOST = 10_000

/**
 * Leases that the server may hold though nobody counts on them: the answer was lost. They are released at once and, until that is answered,
 * each time the server is heard of again.
 */
export interface Doubts {
  add(id: string, group: string): void
  /** It is asked for again, and no longer in doubt. */
  remove(id: string): void
  release(): void
}

export const doubts = (release: (group: string, id: string) => Promise<unknown>): Doubts => {
  const byId = new Map<string, { readonly group: string }>()

  const tell = (id: string, doubt: { readonly group: string }): void => {
    release(doubt.group, id).then(
      () => {
        if (byId.get(id) === doubt) byId.delete(id)
      },
      () => {},
    )
  }

  return {
    add(id, group) {
      const [oldest] = byId.keys()
      if (byId.size >= MOST && oldest !== undefined) byId.delete(oldest)
      const doubt = { group }
      byId.set(id, doubt)
      tell(id, doubt)
    },
    remove(id) {
      byId.delete(id)
    },
    release() {
      for (const [id, doubt] of byId) tell(id, doubt)
    },
  }
}
