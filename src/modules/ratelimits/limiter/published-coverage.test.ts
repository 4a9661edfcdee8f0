import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { caseFile } from '../../../../test/data.ts'
import type { Policy } from './policy.ts'
import type { PublishedCase, Step } from './published-cases/case.ts'
import { PUBLISHED_CASES } from './published-cases.ts'

const file = caseFile('ratelimits.json')
const withCases = test.skipIf(!file)
const why = file ? '' : ' (skipped: no cases/ratelimits.json beside COGNITIONOS_RECORDINGS)'

interface PublishedStep {
  readonly t_ms?: number
  readonly cost?: number
  readonly op?: string
  readonly set_limit?: number
  readonly expect?: Readonly<Record<string, unknown>>
}

interface PublishedParams {
  readonly limit?: number
  readonly window_ms?: number
  readonly unit?: 'SECOND' | 'MINUTE' | 'DAY'
  readonly anchor?: string
  readonly variant?: string
  readonly mode?: string
  readonly capacity?: number
  readonly refill?: { readonly tokens: number; readonly per_ms: number; readonly mode?: string }
  readonly preload_count?: number
  readonly preload?: { readonly current: number; readonly previous: number }
}

interface Published {
  readonly id: string
  readonly algorithm: string
  readonly params?: PublishedParams
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

/** Where a file's tests have the id in their title: as it stands, in a row of `test.each`, or in a row of a table that a loop of tests goes through. */
const isInATitle = (text: string, id: string): boolean => {
  const direct = new RegExp(`^\\s*(?:test|describe)\\(\\s*['"\`]${id}\\b`, 'm')
  const tables = [...text.matchAll(/test\.each(?:<[^(]*>)?\(\[(.*?)^\s*\]\)\(\s*'%s/gms)].map(([, rows = '']) => rows)
  const loops = [...text.matchAll(/for \(const \{ id\b[^}]*\} of (\w+)\)\s*test\(`\$\{id\} /g)].map(
    ([, name]) => new RegExp(`^const ${name}\\b[^\\n]* = \\[\\n(.*?)^\\]`, 'ms').exec(text)?.[1] ?? '',
  )
  return (
    direct.test(text) ||
    tables.some((rows) => new RegExp(`^\\s*\\[?['"]${id}: `, 'm').test(rows)) ||
    loops.some((rows) => rows.includes(` id: '${id}',`))
  )
}

const isToldIn = (id: string): boolean => {
  const files = TOLD_IN[id] ?? TOLD_IN[id.slice(0, 2)] ?? []
  return (
    files.length > 0 &&
    files.every((name) => {
      const path = join(import.meta.dirname, name)
      return existsSync(path) && isInATitle(readFileSync(path, 'utf8'), id)
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

const UNIT_MS = { SECOND: 1_000, MINUTE: 60_000, DAY: 86_400_000 } as const
const ANCHORS: Readonly<Record<string, string>> = { 'first-request': 'first_use', epoch: 'epoch' }

/** The published parameters, in the policy's words; those that are not told are left out. */
const parameters = ({ algorithm, params = {} }: Published): Readonly<Record<string, unknown>> => {
  const { limit, window_ms, unit, anchor = '', variant, mode, capacity, refill, preload_count, preload } = params
  const windowMs = window_ms ?? (unit && UNIT_MS[unit])
  const common = { algorithm, before: preload_count, windows: preload && `${preload.current},${preload.previous}` }
  if (algorithm === 'TOKEN_BUCKET')
    return { ...common, capacity, tokens: refill?.tokens, perMs: refill?.per_ms, mode: refill?.mode ?? 'even' }
  if (algorithm === 'LEAKY_BUCKET')
    return { ...common, capacity: limit, tokens: limit, perMs: windowMs, mode: mode === 'shape' ? 'shaper' : 'meter' }
  return { ...common, limit, windowMs, anchor: ANCHORS[anchor], approximate: variant && variant === 'counter' }
}

const ourParameters = ({ policy, before, windows }: PublishedCase): Readonly<Record<string, unknown>> => {
  const common = { algorithm: policy.algorithm, before, windows: windows?.join() }
  switch (policy.algorithm) {
    case 'TOKEN_BUCKET':
      return { ...common, capacity: policy.capacity, ...policy.refill, mode: policy.mode ?? 'even' }
    case 'LEAKY_BUCKET': {
      const { amount, perMs } = policy.leak
      return { ...common, capacity: policy.capacity, tokens: amount, perMs, mode: policy.mode ?? 'meter' }
    }
    case 'SLIDING_WINDOW':
      return { ...common, limit: policy.limit, windowMs: policy.windowMs, approximate: policy.approximate ?? false }
    default:
      return { ...common, limit: policy.limit, windowMs: policy.windowMs, anchor: policy.anchor ?? 'epoch' }
  }
}

const unlike = (theirs: Readonly<Record<string, unknown>>, mine: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.entries(theirs)
    .filter(([name, figure]) => figure !== undefined && figure !== mine[name])
    .map(([name]) => name)

/** What is published as more or less than so much, in milliseconds; a wait without end is no such figure. */
const isOffBounds = ({ expect: told = {} }: PublishedStep, retry: number | undefined): boolean => {
  const [above, below] = [told.retry_after_ms_gt, told.retry_after_ms_lt]
  if (above === undefined && below === undefined) return false
  if (retry === undefined || retry < 0) return true
  return (typeof above === 'number' && retry <= above) || (typeof below === 'number' && retry >= below)
}

/** What a limit is changed to, of the step that is the first under it. */
const sizeOf = (policy: Policy | undefined): unknown => policy && ('capacity' in policy ? policy.capacity : policy.limit)

/** In which parameters and figures a case of the table is not the published one. */
const differences = (one: Published, mine: PublishedCase): readonly string[] => {
  const steps = (one.steps ?? []).flatMap((step, i) => {
    const own = mine.steps[i]
    if (!own) return [`${i} missing`]
    const changed = step.set_limit !== one.steps?.[i - 1]?.set_limit ? step.set_limit : undefined
    const also = own[4]
    return [
      ...unlike(figures(step), ours(own)),
      ...unlike({ limit: changed }, { limit: sizeOf(also?.policy) }),
      ...(isOffBounds(step, also?.retry) ? ['retry'] : []),
    ].map((name) => `${i} ${name}`)
  })
  return [...unlike({ source: one.source }, { source: mine.source }), ...unlike(parameters(one), ourParameters(mine)), ...steps]
}

describe('the published cases', () => {
  withCases(`are all tested, on memory and on Redis${why}`, () => {
    expect(published).not.toHaveLength(0)
    expect(published.map(({ id }) => id).filter((id) => !told.has(id) && !isToldIn(id))).toEqual([])
  })

  withCases(`have the published parameters and figures, but for those that the table names${why}`, () => {
    const named = (differing: readonly string[] = []) => differing.toSorted()
    const byId = new Map(published.map((one) => [one.id, one]))
    const off = PUBLISHED_CASES.map((mine) => {
      const one = byId.get(mine.id)
      return [mine.id, one ? named(differences(one, mine)) : 'is not published']
    })
    expect(off).toEqual(PUBLISHED_CASES.map(({ id, differing }) => [id, named(differing)]))
  })

  test('say why where they differ, and differ where they say why', () => {
    const odd = PUBLISHED_CASES.filter(({ differs, differing }) => (differs === undefined) !== (differing === undefined))
    expect(odd.map(({ id }) => id)).toEqual([])
  })
})
