import { inTime } from '../lib/in-time.ts'

/** Looked at anew behind the request's back from here on. */
const BEHIND_MS = 500
/** Not believed beyond this without a look: a change anywhere holds within a second. */
const FRESH_MS = 1_000

export interface KeptFreshOptions<T> {
  /** Rejects where it cannot be known now. */
  readonly look: (known: T | undefined) => Promise<T>
  /** Hears of a look that failed while something was known, once for all who waited. */
  readonly failed?: (error: unknown) => void
  readonly monotonicMs?: () => number
}

/** What is read over and over and changes seldom, at most a second old. What is known holds while it cannot be looked at. */
export interface KeptFresh<T> {
  /** A promise only where nothing is known, or nobody asked for a second. Where something is known a look is waited for no longer than `waitMs`. */
  current(waitMs?: number): T | Promise<T>
  /** By a look that begins after the call. */
  latest(): Promise<T>
}

export const keptFresh = <T>({ look, failed, monotonicMs = () => performance.now() }: KeptFreshOptions<T>): KeptFresh<T> => {
  let known: { readonly value: T } | undefined
  let asOf = 0
  let looking: Promise<T> | undefined
  /** Of the look under way. */
  let isSlow = false

  const learn = async (): Promise<T> => {
    const began = monotonicMs()
    try {
      const value = await look(known?.value)
      known = { value }
      asOf = began
      return value
    } catch (error) {
      if (known) {
        asOf = monotonicMs() // one try in a while, not one a request
        failed?.(error)
      }
      throw error
    }
  }

  const looked = (): Promise<T> => {
    looking ??= learn().finally(() => {
      looking = undefined
      isSlow = false
    })
    return looking
  }

  return {
    current(waitMs = Number.POSITIVE_INFINITY) {
      if (!known) return looked()
      const { value } = known
      const age = monotonicMs() - asOf
      if (age < BEHIND_MS) return value
      const now = looked().catch(() => value)
      if (age < FRESH_MS) return value
      if (waitMs === Number.POSITIVE_INFINITY) return now
      if (isSlow) return value
      return inTime({ deadlineMs: waitMs, work: () => now.then((fresh) => ({ fresh })), late: () => {} }).then((done) => {
        if (done) return done.fresh
        isSlow = looking !== undefined
        return value
      })
    },
    async latest() {
      await looking?.catch(() => {}) // it may have begun before
      return looked()
    },
  }
}
