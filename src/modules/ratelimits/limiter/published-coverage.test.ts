import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { caseFile } from '../../../../test/data.ts'
import type { PublishedCase, Step } from './published-cases/case.ts'
import { PUBLISHED_CASES } from './published-cases.ts'

const file = caseFile('ratelimits.json')
const withCases = test.skipIf(!file)
const why = file ? '' : ' (skipped: no cases/ratelimits.json beside COGNITIONOS_RECORDINGS)'

interface PublishedStep {
  readonly t_ms?: number
  readonly cost?: number
  readonly op?: string
  readonly expect?: Readonly<Record<string, unknown>>
}

interface Published {
  readonly id: string
  readonly source: string
  readonly steps?: readonly PublishedStep[]
}

const published: readonly Published[] = file ? JSON.parse(readFileSync(file, 'utf8')).cases : []

/** Cases of more than one limit and one key, of the adaptive rules and of the answer's fields, by the beginning of their ids. */
const TOLD_IN: Readonly<Record<string, readonly string[]>> = {
  // These know no backend.
  AD: ['adaptive/controllers.test.ts'],
  HD: ['http/fields.test.ts'],
  // Both backends go through these.
  MU: ['published-scenarios.test.ts'],
  CO: ['published-scenarios.test.ts'],
  QU01: ['memory/reservations.test.ts', 'redis/reservations.test.ts'],
  QU02: ['memory/reservations.test.ts', 'redis/reservations.test.ts'],
  QU03: ['memory/reservations.test.ts', 'redis/reservations.test.ts'],
  QU: ['published-scenarios.test.ts'],
  LB09: ['published-scenarios.test.ts'],
  SW13: ['cores/adversary.test.ts', 'published-scenarios.test.ts'],
}

const told = new Map(PUBLISHED_CASES.map((one) => [one.id, one]))

const isToldIn = (id: string): boolean => {
  const files = TOLD_IN[id] ?? TOLD_IN[id.slice(0, 2)] ?? []
  return (
    files.length > 0 &&
    files.every((name) => {
      const path = join(import.meta.dirname, name)
      return existsSync(path) && readFileSync(path, 'utf8').includes(id)
    })
  )
}

/** The published figures of a step, in the table's words; those that are not told are left out. */
const figures = ({ t_ms, cost = 1, op, expect: told = {} }: PublishedStep) => ({
  ms: t_ms,
  cost: op === 'refund' ? -cost : cost,
  allowed: told.allowed,
  remaining: told.remaining,
  reset: told.reset_after_ms ?? (typeof told.reset_at_ms === 'number' ? told.reset_at_ms - (t_ms ?? 0) : undefined),
  retry: told.retry_after_ms ?? (typeof told.retry_after_s === 'number' ? told.retry_after_s * 1_000 : undefined),
  hits:
    typeof told.stats === 'object'
      ? JSON.stringify(Object.values({ over_limit: 0, near_limit: 0, within_limit: 0, ...told.stats }))
      : undefined,
})

const ours = ([ms, cost, allowed, remaining, { reset, retry, hits } = {}]: Step): Readonly<Record<string, unknown>> => ({
  ms,
  cost,
  allowed,
  remaining,
  reset,
  retry,
  hits: hits && JSON.stringify([hits.over, hits.near, hits.within]),
})

/** In which figures a case of the table is not the published one. */
const differences = (one: Published, { source, steps }: PublishedCase): readonly string[] => {
  const published = one.steps ?? []
  const differ = published.flatMap((step, i) => {
    const mine = steps[i]
    if (!mine) return [`step ${i} is missing`]
    const mineToo = ours(mine)
    return Object.entries(figures(step))
      .filter(([name, figure]) => figure !== undefined && figure !== mineToo[name])
      .map(([name, figure]) => `step ${i}: ${name} is ${mineToo[name]}, published as ${figure}`)
  })
  return source === one.source ? differ : [...differ, `the source is '${one.source}'`]
}

describe('the published cases', () => {
  withCases(`are all tested, on memory and on Redis${why}`, () => {
    expect(published).not.toHaveLength(0)
    expect(published.map(({ id }) => id).filter((id) => !told.has(id) && !isToldIn(id))).toEqual([])
  })

  withCases(`have the published figures, but for those of which the table says why they differ${why}`, () => {
    const differing = published.flatMap((one) => {
      const mine = told.get(one.id)
      if (!mine) return []
      const differ = differences(one, mine)
      return mine.differs !== undefined ? [] : differ.map((text) => `${one.id}, ${text}`)
    })
    expect(differing).toEqual([])
  })

  withCases(`differ where the table says so, and are known by their ids${why}`, () => {
    const byId = new Map(published.map((one) => [one.id, one]))
    const same = PUBLISHED_CASES.filter((mine) => {
      const one = byId.get(mine.id)
      return !one || (mine.differs !== undefined && differences(one, mine).length === 0)
    })
    expect(same.map(({ id }) => id)).toEqual([])
  })
})
