import { seeded, zipf } from './zipf.ts'

/** Of every claim on the limiter in memory, unless it says how many. */
export const KEYS = 100_000
const LENGTH = 20
const SEED = 20_260_101

/** `key_` and sixteen hexadecimal digits, as the id of an API key is. */
const bytesOfKeys = (random: () => number, keys: number): Buffer => {
  const digits = () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return Buffer.from(Array.from({ length: keys }, () => `key_${digits()}${digits()}`).join(''), 'latin1')
}

export interface Requests {
  /** Each key once. */
  all(): readonly string[]
  /** The keys of so many requests, the same ones each time. Each is a string of its own that nobody has hashed, as one off a socket is. */
  fresh(): readonly string[]
  /** The same requests, out of the strings of `all`. */
  known(all: readonly string[]): readonly string[]
}

export const requests = (count: number, keys: number = KEYS): Requests => {
  const random = seeded(SEED)
  const bytes = bytesOfKeys(random, keys)
  const keyAt = (rank: number): string => bytes.toString('latin1', rank * LENGTH, (rank + 1) * LENGTH)
  const draw = zipf(keys, random)
  const ranks = Uint32Array.from({ length: count }, draw)
  return {
    all: () => Array.from({ length: keys }, (_, rank) => keyAt(rank)),
    fresh: () => Array.from(ranks, keyAt),
    known: (all) => Array.from(ranks, (rank) => all[rank] ?? ''),
  }
}
