import { type RedisClient, runner } from '../redis/client.ts'
import { tagged } from '../redis/keys.ts'
import { numbersOf } from '../redis/reply.ts'
import type { Lifetimes } from './flights.ts'
import type { Wanted } from './in-flight.ts'
import type { LeaseOf } from './memory.ts'
import { IN_FLIGHT_SCRIPT } from './script.ts'

export interface InFlightOptions extends Lifetimes {
  readonly client: RedisClient
  readonly prefix: string
  readonly maxLeases: number
  /** For tests: the time that is to be taken for the server's, in microseconds. */
  readonly serverTime?: () => number
}

/** One request for a lease. */
export interface Attempt extends LeaseOf {
  readonly group: string
  /** No other request has it. */
  readonly by: string
}

/** What the script does, one round trip each, within one group of keys. */
export interface InFlightOperations {
  /** Whether all of it is held, by this request or an earlier one, and what is in flight of each then. */
  hold(lease: Attempt, wanted: readonly Wanted[]): Promise<{ readonly holds: boolean; readonly inFlight: readonly number[] }>
  look(group: string, wanted: readonly Wanted[]): Promise<readonly number[]>
  /** What this request holds; with an empty `by` whatever holds it. */
  release(lease: Omit<Attempt, 'holder'>): Promise<boolean>
  renew(group: string, holder: string): Promise<number>
  drop(group: string, holder: string): Promise<number>
  reset(group: string, wanted: Wanted): Promise<number>
}

const PARTS = ['counts', 'leases', 'ends', 'holders', 'held'] as const
const NOBODY = { id: '', holder: '', by: '' }

export const inFlightOperations = (options: InFlightOptions): InFlightOperations => {
  const { client, prefix, holderUs, leaseUs, maxLeases, serverTime } = options
  const run = runner(client, IN_FLIGHT_SCRIPT)

  const ask = async (op: string, group: string, { id, holder, by }: Omit<Attempt, 'group'>, wanted: readonly Wanted[] = []) => {
    const keys = PARTS.map((part) => `${tagged(prefix, group)}:in-flight:${part}`)
    const time = serverTime ? String(serverTime()) : ''
    const head = [op, time, String(holderUs), String(leaseUs), id, holder, String(maxLeases), by]
    // A limit's name ends at the first colon.
    const each = wanted.flatMap(({ limit, key, cost, most }) => [
      `${encodeURIComponent(limit)}:${key}`,
      String(cost),
      String(most),
    ])
    return run(keys, [...head, ...each], numbersOf)
  }

  return {
    async hold(lease, wanted) {
      const [held, ...inFlight] = await ask('hold', lease.group, lease, wanted)
      return { holds: held === 1, inFlight }
    },
    look: (group, wanted) => ask('look', group, NOBODY, wanted),
    release: async ({ group, id, by }) => (await ask('release', group, { ...NOBODY, id, by }))[0] === 1,
    renew: async (group, holder) => (await ask('renew', group, { ...NOBODY, holder }))[0] ?? 0,
    drop: async (group, holder) => (await ask('drop', group, { ...NOBODY, holder }))[0] ?? 0,
    reset: async (group, wanted) => (await ask('reset', group, NOBODY, [wanted]))[0] ?? 0,
  }
}
