import { afterAll, beforeAll } from 'vitest'

/** What is open as long as some work lasts, for all tests of a block. */
export const heldOpen = <T>(during: (work: (opened: T) => Promise<void>) => Promise<void>): (() => T) => {
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  let held: { readonly opened: T } | undefined
  let closed: Promise<void> | undefined
  beforeAll(
    () =>
      new Promise<void>((ready, fail) => {
        closed = during((opened) => {
          held = { opened }
          ready()
          return over
        })
        closed.catch(fail)
      }),
    120_000,
  )
  afterAll(() => {
    end()
    return closed
  })
  return () => {
    if (!held) throw new Error('it is not open')
    return held.opened
  }
}
