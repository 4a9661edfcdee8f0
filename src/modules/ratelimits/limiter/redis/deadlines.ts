/** Who began to wait in one turn of the event loop, and so waits no longer than one instant. */
export interface Waiting {
  readonly late: (() => void)[]
  readonly timer: NodeJS.Timeout
  /** How many of them have no answer. */
  left: number
}

/** Deadlines that are all as long: one timer for all that begin in the same turn, as a timer costs more than the rest of a request's wait. */
export interface Deadlines {
  begin(late: () => void): Waiting
  /** Once for each `begin`: it has its answer, or was late. */
  end(waiting: Waiting): void
}

export const deadlines = (milliseconds: number): Deadlines => {
  let joining: Waiting | undefined

  const close = (): void => {
    if (joining?.left === 0) clearTimeout(joining.timer)
    joining = undefined
  }
  const expire = ({ late }: Waiting): void => {
    for (const tell of late) tell()
  }
  const open = (): Waiting => {
    // Waits for the answers that have arrived already: a busy process is no slow server.
    const timer = setTimeout(() => setImmediate(expire, waiting), milliseconds)
    const waiting: Waiting = { late: [], timer, left: 0 }
    setImmediate(close)
    return waiting
  }

  return {
    begin(late) {
      joining ??= open()
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
