import { afterEach, expect, test, vi } from 'vitest'
import { shapedWait } from './shaped-wait.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const MONTH_MS = 30 * 86_400_000

test('a wait that is longer than a timer can be is waited out to the millisecond', async () => {
  vi.useFakeTimers()
  const done = vi.fn()
  const waiting = shapedWait(MONTH_MS, new AbortController().signal).then(done)
  await vi.advanceTimersByTimeAsync(MONTH_MS - 1)
  expect(done).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  await waiting
  expect(vi.getTimerCount()).toBe(0)
})

test('a wait ends with its signal and leaves no timer; after the signal none begins', async () => {
  vi.useFakeTimers()
  const gone = new AbortController()
  const waiting = shapedWait(MONTH_MS, gone.signal)
  expect(vi.getTimerCount()).toBe(1)
  gone.abort()
  await waiting
  await shapedWait(MONTH_MS, gone.signal)
  expect(vi.getTimerCount()).toBe(0)
})

test('no process is kept alive by a wait', async () => {
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const gone = new AbortController()
  const waiting = shapedWait(MONTH_MS, gone.signal)
  const timer: unknown = timers.mock.results[0]?.value
  gone.abort()
  await waiting
  expect(timer).toMatchObject({ hasRef: expect.any(Function) })
  expect(Object(timer).hasRef()).toBe(false)
})
