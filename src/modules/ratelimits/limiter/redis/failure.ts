import type { IsOver } from './client.ts'
import { deadlines } from './deadlines.ts'

/** A server that does not answer is left alone; what a request gets in place of its answer is its limits' to say. */
export interface Gate {
  /**
   * Runs `work` with the deadline, and tells it when that is over. `without` answers where it failed, was too late, or was not tried, since the server is
   * taken for gone. Rejects with a RangeError of `work`, which is the caller's mistake, and never else.
   */
  run<T, U>(work: (isOver: IsOver) => Promise<T>, without: () => U): Promise<T | U>
  isOpen(): boolean
}

export interface GateOptions {
  readonly deadlineMs: number
  /** Whole microseconds. */
  readonly now: () => number
  /** What the server said or did; for the log. */
  readonly onFailure?: (error: unknown) => void
}

/** In place of the error of whoever is late, of which there may be thousands. */
const LATE = Symbol('late')
/** So many failures one after the other, and the server is taken for gone: a single slow answer is no outage. */
const FAILURES = 5
/** While it is gone one request so often tries it, alone: when it is back nobody storms it. */
const PROBE_US = 200_000

export const gate = ({ deadlineMs, now, onFailure }: GateOptions): Gate => {
  const waiting = deadlines(deadlineMs, now)
  let failures = 0
  let probeAt = 0

  const mayTry = (): boolean => {
    if (failures < FAILURES) return true
    const time = now()
    // Further ahead than any turn is: the clock was set back.
    if (time < probeAt && probeAt - time <= PROBE_US) return false
    probeAt = time + PROBE_US
    return true
  }
  const failed = (error: unknown): void => {
    failures += 1
    if (failures === FAILURES) probeAt = now() + PROBE_US
    onFailure?.(error)
  }

  return {
    isOpen: () => failures < FAILURES,
    run<T, U>(work: (isOver: IsOver) => Promise<T>, without: () => U): Promise<T | U> {
      if (!mayTry()) return Promise.try(without)
      return new Promise<T | U>((resolve, reject) => {
        let isOver = false
        const giveUp = (error: unknown = LATE): void => {
          if (isOver) return
          isOver = true
          waiting.end(deadline)
          try {
            // The caller's own mistake says nothing of the server, and uses up no turn to look for it.
            if (error instanceof RangeError) {
              probeAt = 0
              throw error
            }
            failed(error === LATE ? new Error(`Redis did not answer within ${deadlineMs} ms`) : error)
            resolve(without())
          } catch (thrown) {
            reject(thrown)
          }
        }
        const deadline = waiting.begin(giveUp)
        const answered = (answer: T): void => {
          if (isOver) return
          isOver = true
          waiting.end(deadline)
          failures = 0
          resolve(answer)
        }
        try {
          work(() => isOver).then(answered, giveUp)
        } catch (error) {
          giveUp(error)
        }
      })
    },
  }
}
