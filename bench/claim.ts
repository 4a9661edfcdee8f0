import type { BenchPlace } from './place.ts'

export interface Options {
  /** A smaller run for CI: the same claim with wider noise. */
  readonly short: boolean
}

export interface Measured {
  readonly ours: number
  readonly reference: number
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[]
}

/** A claim of speed: ours and a reference that bounds it, measured in turns in one run. A larger ratio is better. */
export interface Claim {
  readonly name: string
  readonly unit: string
  readonly goal: number
  /** What ours must reach besides, whatever the reference did. */
  readonly floor?: number
  /** True: less is better, so that the ratio is reference / ours. */
  readonly costs?: true
  run(place: BenchPlace, options: Options): Promise<Measured>
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = 0, high = 0] = [sorted[sorted.length % 2 ? middle : middle - 1], sorted[middle]]
  return (low + high) / 2
}

export type Round = (round: number) => Promise<number>

/** Ours and the reference by turns, each first every other time, one round of each to warm up; medians. */
export const interleave = async (rounds: number, ours: Round, reference: Round): Promise<{ ours: number; reference: number }> => {
  const figures: { ours: number[]; reference: number[] } = { ours: [], reference: [] }
  for (let round = 0; round <= rounds; round += 1) {
    const both = [
      { list: figures.ours, run: ours },
      { list: figures.reference, run: reference },
    ]
    for (const { list, run } of round % 2 ? both : both.toReversed()) {
      const figure = await run(round)
      if (round > 0) list.push(figure)
    }
  }
  return { ours: median(figures.ours), reference: median(figures.reference) }
}

export const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1_000
}
