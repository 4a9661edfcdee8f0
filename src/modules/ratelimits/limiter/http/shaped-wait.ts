/** The longest that a timer waits: one that is set for longer goes off at once. */
const LONGEST_MS = 2 ** 31 - 1

/** Until so long from now, or until the signal; however long, and without keeping a process alive that has nothing else to do. */
export const shapedWait = (ms: number, gone: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    let left = ms
    let timer: ReturnType<typeof setTimeout> | undefined
    const end = (): void => {
      clearTimeout(timer)
      gone.removeEventListener('abort', end)
      resolve()
    }
    const goOn = (): void => {
      if (left <= 0 || gone.aborted) {
        end()
        return
      }
      const piece = Math.min(left, LONGEST_MS)
      left -= piece
      timer = setTimeout(goOn, piece)
      // In Node.js alone it is an object.
      if (typeof timer === 'object') timer.unref()
    }
    gone.addEventListener('abort', end)
    goOn()
  })

/** The parts of node:http's ServerResponse that tell when its client has gone away. */
export interface ClosingLike {
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
  removeListener(event: 'close', listener: () => void): unknown
}

/** Waits before a request is handled; answers whether its client is still there. */
export const waitWithClient = async (response: ClosingLike, sleep: (gone: AbortSignal) => Promise<void>): Promise<boolean> => {
  if (response.destroyed) return false
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  response.once('close', leave)
  await sleep(gone.signal)
  response.removeListener('close', leave)
  return !gone.signal.aborted
}
