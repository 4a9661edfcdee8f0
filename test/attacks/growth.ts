export interface Growth {
  readonly mean: number
  /** By least squares, a minute. */
  readonly perMinute: number
  /** What the slope makes of the whole time, as a part of the mean. */
  readonly part: number
}

/** How what was measured grew. `at` in seconds. */
export const growth = (samples: readonly { readonly at: number; readonly value: number }[]): Growth => {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const [ats, values] = [samples.map(({ at }) => at), samples.map(({ value }) => value)]
  const [at, value] = [mean(ats), mean(values)]
  const spread = mean(ats.map((one) => (one - at) ** 2))
  const slope = spread === 0 ? 0 : mean(samples.map((one) => (one.at - at) * (one.value - value))) / spread
  const seconds = Math.max(...ats) - Math.min(...ats)
  return { mean: value, perMinute: slope * 60, part: value === 0 ? 0 : (slope * seconds) / value }
}
