import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'

const { timeOrigin } = performance

/** Whole microseconds since the epoch. It runs evenly: a clock that is set does not move it. */
export const microseconds = (): number => Math.round((timeOrigin + performance.now()) * 1_000)

/** For the hash of keys: nobody outside may guess which collide. */
export const hashSeed = (): number => randomInt(2 ** 32)
