export interface Average {
  readonly value: number
  readonly count: number
}

export const NOTHING_YET: Average = { value: 0, count: 0 }

/**
 * The mean of the first `warmup` values, then exponential with weight 2 / (window + 1): the early values would otherwise count for ever.
 * Source: Netflix's ExpAvgMeasurement.
 */
export const averaged = (average: Average, value: number, window: number, warmup = 10): Average => {
  const count = average.count + 1
  const weight = count <= warmup ? 1 / count : 2 / (window + 1)
  return { value: average.value + (value - average.value) * weight, count }
}
