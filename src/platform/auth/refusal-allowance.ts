/** What one actor's refusals may write, at once and a second; strangers are one actor together. */
const AT_ONCE = 1_000
const PER_SECOND = 10
const MAX_ACTORS = 10_000

interface Allowance {
  left: number
  at: number
  unwritten: number
}

/** Chooses the refusals that are written down. */
export interface RefusalAllowance {
  /** How many of the actor's refusals were not written since the last that was; undefined: do not write this one either. */
  take(actor: string): number | undefined
}

/**
 * A thousand refusals of an actor, and ten more each second: an attack does not fill the disk, and the count of what is left out comes with the
 * next. The actor heard of first is forgotten for a new one beyond ten thousand.
 */
export const refusalAllowance = (monotonicMs: () => number): RefusalAllowance => {
  const actors = new Map<string, Allowance>()

  const of = (actor: string, now: number): Allowance => {
    const known = actors.get(actor)
    if (known) return known
    const first = actors.size >= MAX_ACTORS ? actors.keys().next().value : undefined
    if (first !== undefined) actors.delete(first)
    const made = { left: AT_ONCE, at: now, unwritten: 0 }
    actors.set(actor, made)
    return made
  }

  return {
    take(actor) {
      const now = monotonicMs()
      const allowance = of(actor, now)
      allowance.left = Math.min(AT_ONCE, allowance.left + ((now - allowance.at) / 1_000) * PER_SECOND)
      allowance.at = now
      if (allowance.left < 1) {
        allowance.unwritten += 1
        return undefined
      }
      allowance.left -= 1
      const { unwritten } = allowance
      allowance.unwritten = 0
      return unwritten
    },
  }
}
