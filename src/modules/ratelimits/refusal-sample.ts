const EVERY_MS = 60_000

/** Chooses the refusals that are written down. */
export interface RefusalSample {
  /** What to write of this one: how many were refused and not written since the last that was. undefined: do not write it. */
  see(subject: string): { readonly unwritten: number } | undefined
}

/**
 * The first refusal of each subject in a minute, of `most` subjects; all others are only counted. An attack from however many subjects costs
 * `most` records a minute, and the count of what is left out comes with the next one.
 */
export const refusalSample = (most: number, monotonicMs: () => number): RefusalSample => {
  const written = new Set<string>()
  let until = 0
  let unwritten = 0
  return {
    see(subject) {
      const now = monotonicMs()
      if (now >= until) {
        written.clear()
        until = now + EVERY_MS
      }
      if (written.size >= most || written.has(subject)) {
        unwritten += 1
        return undefined
      }
      written.add(subject)
      const record = { unwritten }
      unwritten = 0
      return record
    },
  }
}
