export interface InTimeOptions<T> {
  readonly deadlineMs: number
  /** `isOver`: nobody waits for it any more. */
  readonly work: (isOver: () => boolean) => Promise<T>
  /** Hears what the work came to, where that was too late. */
  readonly late: (done: T) => void
}

/** undefined: it takes longer. Answers that have arrived already are waited for: a busy process is no slow server. */
export const inTime = <T>({ deadlineMs, work, late }: InTimeOptions<T>): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    let isOver = false
    const timer = setTimeout(setImmediate, deadlineMs, () => {
      isOver = true
      resolve(undefined)
    })
    work(() => isOver)
      .then((done) => (isOver ? late(done) : resolve(done)), reject)
      .finally(() => clearTimeout(timer))
  })
