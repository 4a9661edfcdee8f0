import { type Heavy, type SpaceSaving, spaceSaving } from './space-saving.ts'

/** A request that a limit refused, or would have refused in shadow mode. */
export interface Violation {
  readonly limitId: string
  readonly key: string
  /** '' where none was named. */
  readonly endpoint: string
  readonly shadow: boolean
}

export interface HourTotal {
  readonly limitId: string
  /** Whole hours since the epoch. */
  readonly hour: number
  readonly endpoint: string
  readonly refused: number
  readonly wouldRefuse: number
}

export interface HourHeavy extends Heavy {
  readonly limitId: string
  readonly hour: number
}

export interface ViolationBatch {
  readonly totals: readonly HourTotal[]
  readonly heavies: readonly HourHeavy[]
}

/** Endpoints of one limit and hour beyond so many are counted together, so that whoever makes them up fills nothing. */
const MAX_ENDPOINTS = 200
export const OTHER_ENDPOINTS = '(others)'
/** Keys held for one limit and hour, and handed out of them. */
const SKETCH = 64
const HANDED_OUT = 20
/** What an index of PostgreSQL holds of a text, four bytes a character. */
const MAX_KEY = 500

/** Cut within a pair of surrogates, keys that differ would be one in the database, and one statement takes no row twice. */
const nameOf = (key: string): string => (key.length > MAX_KEY ? key.slice(0, MAX_KEY).toWellFormed() : key)

interface Counts {
  refused: number
  wouldRefuse: number
}

interface Group {
  readonly limitId: string
  readonly hour: number
  readonly endpoints: Map<string, Counts>
  sketch: SpaceSaving
}

/**
 * Violations between two flushes: exact by limit, endpoint and hour; of keys, which an attacker can make more of than fits anywhere, the
 * heaviest. What is held is bounded by the number of limits, whatever comes in.
 */
export const violationCounts = () => {
  let groups = new Map<string, Group>()

  const groupOf = (limitId: string, hour: number): Group => {
    const name = `${limitId} ${hour}`
    const known = groups.get(name)
    if (known) return known
    const made = { limitId, hour, endpoints: new Map<string, Counts>(), sketch: spaceSaving(SKETCH) }
    groups.set(name, made)
    return made
  }

  const add = ({ endpoints }: Group, endpoint: string, refused: number, wouldRefuse: number): void => {
    const name = endpoints.has(endpoint) || endpoints.size < MAX_ENDPOINTS ? endpoint : OTHER_ENDPOINTS
    const counts = endpoints.get(name)
    if (!counts) endpoints.set(name, { refused, wouldRefuse })
    else {
      counts.refused += refused
      counts.wouldRefuse += wouldRefuse
    }
  }

  return {
    note({ limitId, key, endpoint, shadow }: Violation, hour: number): void {
      const group = groupOf(limitId, hour)
      add(group, endpoint, shadow ? 0 : 1, shadow ? 1 : 0)
      group.sketch.see(nameOf(key))
    },
    /** Hands out what was noted since the last time, and begins anew. */
    drain(): ViolationBatch {
      const all = [...groups.values()]
      groups = new Map()
      return {
        totals: all.flatMap(({ limitId, hour, endpoints }) =>
          [...endpoints].map(([endpoint, counts]) => ({ limitId, hour, endpoint, ...counts })),
        ),
        heavies: all.flatMap(({ limitId, hour, sketch }) => sketch.top(HANDED_OUT).map((heavy) => ({ limitId, hour, ...heavy }))),
      }
    },
    /** Takes back what could not be written, in the same bounds. */
    restore({ totals, heavies }: ViolationBatch): void {
      for (const { limitId, hour, endpoint, refused, wouldRefuse } of totals)
        add(groupOf(limitId, hour), endpoint, refused, wouldRefuse)
      for (const { limitId, hour, ...heavy } of heavies) groupOf(limitId, hour).sketch.add(heavy)
    },
  }
}

export type ViolationCounts = ReturnType<typeof violationCounts>
