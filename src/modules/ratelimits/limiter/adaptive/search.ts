/**
 * What is known of where the stress begins: between a level that was well and one that was not. Bisecting it, in place of growing into it
 * again and again, is what lets the limit come to rest. Source: Xu, Harfoush and Rhee, Binary Increase Congestion Control (BIC, 2004).
 */
export interface Search {
  /** The last level that was seen to be in full use and well; 0: none. */
  readonly good: number
  /** The last level that was seen under stress; Infinity: none. */
  readonly bad: number
  readonly badAtMs: number
  /** The share by which the next look above `good` is taken. */
  readonly probe: number
}

/** Narrower than this, the search is over. */
const NARROW = 0.02
/** A level that was too high may not be any more: it is looked at after so many cool-downs, by twice the step after each success. */
const PROBE_AFTER = 10

export const NO_SEARCH: Search = { good: 0, bad: Number.POSITIVE_INFINITY, badAtMs: 0, probe: NARROW }

/** Stress at `level`. */
export const foundBad = (search: Search, level: number, nowMs: number): Search => ({
  good: search.good < level ? search.good : 0,
  bad: level,
  badAtMs: nowMs,
  probe: NARROW,
})

/** How much to add to `level`, `most` at most, and what is known then; 0: rest here. */
export const raise = (search: Search, level: number, most: number, waitMs: number, nowMs: number): readonly [number, Search] => {
  const found: Search = { ...search, good: level }
  if (search.bad === Number.POSITIVE_INFINITY) return [most, found]
  const half = Math.floor((search.bad - level) / 2)
  if (half >= Math.max(1, Math.ceil(level * NARROW))) return [Math.min(most, half), found]
  if (nowMs - search.badAtMs < PROBE_AFTER * waitMs) return [0, search]
  const step = Math.min(most, Math.max(1, Math.floor(level * search.probe)))
  if (step === most) return [step, { ...found, bad: Number.POSITIVE_INFINITY }]
  return [step, { good: level, bad: level + step + 1, badAtMs: nowMs, probe: search.probe * 2 }]
}
