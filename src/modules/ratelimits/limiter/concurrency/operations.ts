import { type RedisClient, runner } from '../redis/client.ts'
import { tagged } from '../redis/keys.ts'
import { numbersOf } from '../redis/reply.ts'
import type { Held, Lifetimes } from './flights.ts'
import type { LeaseOf } from './memory.ts'
import { IN_FLIGHT_SCRIPT } from './script.ts'

export interface InFlightOptions extends Lifetimes {
  readonly client: RedisClient
  readonly prefix: string
  readonly maxLeases: number
  /** For tests: the time that is to be taken for the server's, in microseconds. */
  readonly serverTime?: () => number
}

/** One limit's part of a request, and how much of it may be in flight. */
export type Wanted = Held & { readonly most: number }

/** What the script does, one round trip each, within one group of keys. */
export interface InFlightOperations {
  /** Whether all of it is held, and what is in flight of each then. */
  hold(
    group: string,
    lease: LeaseOf,
    wanted: readonly Wanted[],
  ): Promise<{ readonly holds: boolean; readonly inFlight: readonly number[] }>
  look(group: string, wanted: readonly Wanted[]): Promise<readonly number[]>
  release(group: string, id: string): Promise<boolean>
  renew(group: string, holder: string): Promise<number>
  drop(group: string, holder: string): Promise<number>
}

const PARTS = ['counts', 'leases', 'ends', 'holders', 'held'] as const
const NOBODY = { id: '', holder: '' }

export const inFlightOperations = (options: InFlightOptions): InFlightOperations => {
  const { client, prefix, holderUs, leaseUs, maxLeases, serverTime } = options
  const run = runner(client, IN_FLIGHT_SCRIPT)

  const ask = async (op: string, group: string, { id, holder }: LeaseOf, wanted: readonly Wanted[] = []) => {
    const keys = PARTS.map((part) => `${tagged(prefix, group)}:in-flight:${part}`)
    const time = serverTime ? String(serverTime()) : ''
    const head = [op, time, String(holderUs), String(leaseUs), id, holder, String(maxLeases)]
    // A limit's name ends at the first colon.
    const each = wanted.flatMap(({ limit, key, cost, most }) => [
      `${encodeURIComponent(limit)}:${key}`,
      String(cost),
      String(most),
    ])
    return run(keys, [...head, ...each], numbersOf)
  }

  return {
    async hold(group, lease, wanted) {
      const [held, ...inFlight] = await ask('hold', group, lease, wanted)
      return { holds: held === 1, inFlight }
    },
    look: (group, wanted) => ask('look', group, NOBODY, wanted),
    release: async (group, id) => (await ask('release', group, { ...NOBODY, id }))[0] === 1,
    renew: async (group, holder) => (await ask('renew', group, { ...NOBODY, holder }))[0] ?? 0,
    drop: async (group, holder) => (await ask('drop', group, { ...NOBODY, holder }))[0] ?? 0,
  }
}
