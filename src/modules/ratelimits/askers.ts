import { LEAST_ASKED } from './limiter/adaptive/decide.ts'
import type { Demand } from './limiter/adaptive/observation.ts'

/** Whose request it is: the party, which is the tenant where one is known, and the key that it was counted under; both hashed. */
export interface Asker {
  readonly party: string
  readonly key: string
}

/** The requests of one key, and those of them that were refused. */
export interface Asks {
  readonly asked: number
  readonly refused: number
}

/** The requests of some keys, by party and key. */
export type Askers = Map<string, Map<string, Asks>>

/** Keys that are held of a limit; of as many parties at most, of each of which alike. */
const HELD = 256

/** Where a limit counts nobody apart, its keys are nobody's own. */
export const NOBODY = ''

const keepFirst = (held: Map<string, unknown>, most: number): void => {
  while (held.size > most) {
    let last = ''
    for (const name of held.keys()) if (name > last) last = name
    held.delete(last)
  }
}

/**
 * Keeps those whose hashes come first: of however many there are a sample that is even, and the same on every server, so that of each key that
 * is held all requests are counted, and samples of several servers make that of all. Source: Cohen and Kaplan, Summarizing Data Using Bottom-k
 * Sketches, PODC 2007.
 */
const trim = (askers: Askers): void => {
  keepFirst(askers, HELD)
  const each = Math.floor(HELD / askers.size)
  for (const keys of askers.values()) keepFirst(keys, each)
}

/** Whether the key was not held before. */
const put = (askers: Askers, party: string, key: string, { asked, refused }: Asks): boolean => {
  const keys = askers.get(party) ?? new Map<string, Asks>()
  const known = keys.get(key)
  keys.set(key, { asked: asked + (known?.asked ?? 0), refused: refused + (known?.refused ?? 0) })
  askers.set(party, keys)
  return known === undefined
}

/** Counts one request among those that are held. */
export const see = (askers: Askers, { party, key }: Asker, refused: boolean): void => {
  if (put(askers, party, key, { asked: 1, refused: refused ? 1 : 0 })) trim(askers)
}

/** Of both; neither changes. */
export const together = (a: Askers, b: Askers): Askers => {
  const all: Askers = new Map([...a].map(([party, keys]) => [party, new Map(keys)]))
  for (const [party, keys] of b) for (const [key, asks] of keys) put(all, party, key, asks)
  if (all.size > 0) trim(all)
  return all
}

/** One of those who ask: which share of it is refused, of how many requests. */
interface Voice {
  readonly rate: number
  readonly asked: number
}

const voiceOf = ({ asked, refused }: Asks): Voice => ({ rate: refused / asked, asked })

const meanOf = (voices: readonly Voice[]): Voice => ({
  rate: voices.reduce((total, { rate }) => total + rate, 0) / voices.length,
  asked: voices.reduce((total, { asked }) => total + asked, 0),
})

/** Each party speaks once, by its keys alike; a party that is alone, by each of its keys. */
const voicesOf = (askers: Askers): readonly Voice[] => {
  const parties = [...askers.values()].map((keys) => [...keys.values()].map(voiceOf))
  const [only] = parties
  return only && parties.length === 1 ? only : parties.map(meanOf)
}

/**
 * What those who ask have in common: the mean of their block rates without that of the one who is refused most, so that no one, however much it
 * asks, moves what all share. Where the others ask too little to go by, it is that of all, and said to be of one. undefined: nobody asked.
 */
export const demandOf = (askers: Askers): Demand | undefined => {
  const voices = voicesOf(askers).toSorted((a, b) => b.rate - a.rate || b.asked - a.asked)
  if (voices.length === 0) return undefined
  const others = meanOf(voices.slice(1))
  if (others.asked >= LEAST_ASKED) return { blockRate: others.rate, isOfOne: false }
  return { blockRate: meanOf(voices).rate, isOfOne: !askers.has(NOBODY) }
}
