import type { BenchPlace } from './place.ts'

export interface Options {
  /** A smaller run for CI: the same claim with wider noise. */
  readonly short: boolean
}

/** A second ratio that must hold for the claim to hold. */
export interface Condition {
  readonly what: string
  readonly ratio: number
  readonly goal: number
}

export interface Measured {
  readonly ours: number
  readonly reference: number
  readonly also?: readonly Condition[]
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[]
}

interface Terms {
  readonly name: string
  readonly unit: string
  readonly goal: number
  /** What ours must reach besides, whatever the reference did. */
  readonly floor?: number
  /** True: less is better, so that the ratio is reference / ours. */
  readonly costs?: true
}

/** A claim of speed: ours and a reference that bounds it, measured in turns in one run. A larger ratio is better. */
export interface Claim extends Terms {
  run(place: BenchPlace, options: Options): Promise<Measured>
}

/** A claim that needs no database: none is opened for it. */
export interface PlainClaim extends Terms {
  measure(options: Options): Promise<Measured>
}

/** The claim cannot be measured here. `message` says what it needs. */
export class Unmeasurable extends Error {}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = 0, high = 0] = [sorted[sorted.length % 2 ? middle : middle - 1], sorted[middle]]
  return (low + high) / 2
}

export type Round = (round: number) => Promise<number>

/** Each by turns, a different one first every round, one round of each to warm up; medians in the order given. */
export const takeTurns = async (rounds: number, contestants: readonly Round[]): Promise<readonly number[]> => {
  const figures = contestants.map((): number[] => [])
  const turns = [...contestants.entries()]
  for (let round = 0; round <= rounds; round += 1) {
    const first = round % turns.length
    for (const [who, run] of [...turns.slice(first), ...turns.slice(0, first)]) {
      const figure = await run(round)
      if (round > 0) figures[who]?.push(figure)
    }
  }
  return figures.map(median)
}

/** Ours and the reference by turns. */
export const interleave = async (rounds: number, ours: Round, reference: Round): Promise<{ ours: number; reference: number }> => {
  const [first = 0, second = 0] = await takeTurns(rounds, [ours, reference])
  return { ours: first, reference: second }
}

export const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1_000
}
