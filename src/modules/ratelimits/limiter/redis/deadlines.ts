/** Who began to wait at nearly the same instant of one turn of the event loop, and so waits no longer than one instant. */
export interface Waiting {
  readonly sinceUs: number
  readonly late: (() => void)[]
  readonly timer: NodeJS.Timeout
  /** How many of them have no answer. */
  left: number
}

/** Deadlines that are all as long: one timer for all that begin at nearly the same instant, as a timer costs more than the rest of a request's wait. */
export interface Deadlines {
  begin(late: () => void): Waiting
  /** Once for each `begin`: it has its answer, or was late. */
  end(waiting: Waiting): void
}

/** Who joins a timer waits less long by so much of the deadline at most: one turn of a busy process may be longer than all of it. */
const JOIN_SHARE = 1 / 50

/** `now`: whole microseconds. */
export const deadlines = (milliseconds: number, now: () => number): Deadlines => {
  const joinUs = milliseconds * 1_000 * JOIN_SHARE
  let joining: Waiting | undefined

  const close = (waiting: Waiting): void => {
    if (waiting.left === 0) clearTimeout(waiting.timer)
    if (joining === waiting) joining = undefined
  }
  const expire = ({ late }: Waiting): void => {
    for (const tell of late) tell()
  }
  const open = (sinceUs: number): Waiting => {
    // Waits for the answers that have arrived already: a busy process is no slow server.
    const timer = setTimeout(() => setImmediate(expire, waiting), milliseconds)
    const waiting: Waiting = { sinceUs, late: [], timer, left: 0 }
    setImmediate(close, waiting)
    return waiting
  }
  /** Not of a clock that was set back meanwhile. */
  const mayJoin = ({ sinceUs }: Waiting, time: number): boolean => time >= sinceUs && time - sinceUs <= joinUs

  return {
    begin(late) {
      const time = now()
      if (!joining || !mayJoin(joining, time)) joining = open(time)
      joining.late.push(late)
      joining.left += 1
      return joining
    },
    end(waiting) {
      waiting.left -= 1
      if (waiting.left === 0 && waiting !== joining) clearTimeout(waiting.timer)
    },
  }
}
