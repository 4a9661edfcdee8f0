import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { adaptive, createLimiter, type Observation, type Policy, type SlidingWindowPolicy } from '../index.ts'

vi.useFakeTimers({ toFake: ['Date'] })
vi.spyOn(performance, 'now').mockImplementation(() => Date.now() - performance.timeOrigin)

// The example of README.md begins.
const policy: SlidingWindowPolicy = { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 1_000 }
const limits: Record<string, Policy> = { api: policy }
const limiter = createLimiter({ limits })
const rule = adaptive({ base: 100, minimum: 10, maximum: 1_000, cooldownMs: 30_000, easyMs: 20 })
let state = rule.start(Date.now())

/** To be called every 30 s with what was seen since; the change, with its cause, is for the log. */
const adapt = (seen: Observation) => {
  const decided = rule.decide(state, seen, Date.now())
  state = decided.state
  if (decided.change) {
    limits.api = { ...policy, limit: decided.change.to } // what an adapter tells clients
    limiter.setPolicy('api', limits.api)
  }
  return decided.change
}
// The example of README.md ends.

/** A second of requests. The system does 150 in a second; what is more waits, so that all take longer. */
const second = (asked: number): Observation => {
  vi.advanceTimersByTime(30_000)
  const ended = Array.from({ length: asked }, () => limiter.tryAcquire('api', 'all')).filter(({ allowed }) => allowed).length
  return { asked, blocked: asked - ended, ended, dropped: 0, latencyMs: ended <= 150 ? 20 : 20 * (ended - 140) }
}

test('an embedded limit follows the load: it grows while the system is well, is cut where it is not, and comes to rest below what it bears', () => {
  const levels: number[] = []
  const causes = new Set<string | undefined>()
  for (let i = 0; i < 60; i += 1) {
    const seen = second(400)
    expect(seen.ended).toBe(state.current)
    causes.add(adapt(seen)?.cause)
    levels.push(state.current)
  }
  expect(causes).toContain('demand')
  expect(causes).toContain('latency')
  expect(Math.max(...levels)).toBeGreaterThan(150)
  const rest = levels.slice(-10)
  expect(Math.min(...rest)).toBeGreaterThanOrEqual(140)
  expect(Math.max(...rest)).toBeLessThanOrEqual(155)
})

test('README.md has this example, to the letter', () => {
  const [, example = ''] = readFileSync(import.meta.filename, 'utf8').split(/^\/\/ The example of README\.md .*\n/m)
  expect(example).not.toBe('')
  expect(readFileSync(`${import.meta.dirname}/../README.md`, 'utf8')).toContain(example)
})
