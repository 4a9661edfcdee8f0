import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { deadlines } from './deadlines.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
})

const stand = () => {
  const late: string[] = []
  let nowUs = 0
  const waits = deadlines(50, () => nowUs)
  /** The turn goes on meanwhile. */
  const work = (ms: number): void => {
    nowUs += ms * 1_000
    vi.advanceTimersByTime(ms)
  }
  const setClock = (us: number): void => {
    nowUs = us
  }
  return { late, work, setClock, begin: (name: string) => waits.begin(() => late.push(name)), end: waits.end }
}

test('all that begin in one turn are late at one instant, and those of another turn at theirs', async () => {
  const { late, begin } = stand()
  begin('a')
  begin('b')
  await turn()
  vi.advanceTimersByTime(20)
  begin('c')
  expect(vi.getTimerCount()).toBe(2)
  vi.advanceTimersByTime(29)
  await turn()
  expect(late).toEqual([])
  vi.advanceTimersByTime(1)
  await turn()
  expect(late).toEqual(['a', 'b'])
  vi.advanceTimersByTime(20)
  await turn()
  expect(late).toEqual(['a', 'b', 'c'])
})

test('who begins late in a long turn has all of the deadline', async () => {
  const { late, begin, end, work } = stand()
  begin('a')
  work(40)
  begin('b')
  work(20)
  end(begin('c'))
  await turn()
  expect(late).toEqual(['a'])
  expect(vi.getTimerCount()).toBe(1)
  work(29)
  await turn()
  expect(late).toEqual(['a'])
  work(1)
  await turn()
  expect(late).toEqual(['a', 'b'])
})

test('a clock that is set back within a turn takes nothing of a deadline', async () => {
  const { late, begin, work, setClock } = stand()
  begin('a')
  work(40)
  setClock(-1)
  begin('b')
  work(20)
  await turn()
  expect(late).toEqual(['a'])
})

test('an answer that has arrived by the deadline is heard before it', async () => {
  const { late, begin, end } = stand()
  const waiting = begin('a')
  await turn()
  vi.advanceTimersByTime(50)
  expect(late).toEqual([])
  end(waiting)
  await turn()
  // Whoever told `late` looks whether its answer is there.
  expect(late).toEqual(['a'])
})

test('no timer is left once all have their answers, in the turn that they began in or later', async () => {
  const { late, begin, end } = stand()
  end(begin('a'))
  expect(vi.getTimerCount()).toBe(1)
  await turn()
  expect(vi.getTimerCount()).toBe(0)
  const [b, c] = [begin('b'), begin('c')]
  end(b)
  await turn()
  expect(vi.getTimerCount()).toBe(1)
  end(c)
  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(1_000)
  await turn()
  expect(late).toEqual([])
})
