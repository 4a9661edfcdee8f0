import { setTimeout as sleep } from 'node:timers/promises'
import { openPair, type Pair } from './limiter-pair.ts'
import { type Moments, type Round, roundOf } from './limiter-round.ts'
import type { Server, ServerOptions } from './limiter-servers.ts'

/** What is shared by the rounds. */
export interface Stand {
  readonly pair: Pair
  readonly servers: readonly Server[]
  /** Sets this process's clock so far off. */
  setClock(offUs: number): void
}

export interface Fault {
  /** Whether counts may be lost: what was let through may then be let through once more. */
  readonly forgets: boolean
  /** Does it, and undoes it after so long. */
  run(stand: Stand, forMs: number): Promise<void>
}

const each = (servers: readonly Server[], work: (line: Server['line']) => void): void => {
  for (const { line } of servers) work(line)
}
const takeOver = (servers: readonly Server[]) => (next: { readonly url: URL }) => each(servers, (line) => line.leadTo(next.url))
const onLines = (begin: (line: Server['line']) => void, end: (line: Server['line']) => void): Fault['run'] => {
  return async ({ servers }, forMs) => {
    each(servers, begin)
    await sleep(forMs)
    each(servers, end)
  }
}
const atOnce = (work: (stand: Stand) => Promise<unknown>): Fault['run'] => {
  return async (stand, forMs) => {
    await work(stand)
    await sleep(forMs)
  }
}

/** Of a line that changes its mind. */
const TURN_MS = 30

const FAULTS = {
  killed: {
    forgets: true,
    async run({ pair }, forMs) {
      const server = pair.primary()
      await server.kill()
      await sleep(forMs)
      await server.restart()
    },
  },
  paused: {
    forgets: false,
    async run({ pair }, forMs) {
      const server = pair.primary()
      server.pause()
      await sleep(forMs)
      server.resume()
    },
  },
  flushed: { forgets: true, run: atOnce(({ pair }) => pair.primary().admin.flushall()) },
  'its scripts flushed': { forgets: false, run: atOnce(({ pair }) => pair.primary().admin.script('FLUSH')) },
  'failed over': {
    // The replica hears of a count after it was answered.
    forgets: true,
    run: ({ pair, servers }, forMs) => pair.failOver(forMs, takeOver(servers)),
  },
  'failed over to one that is behind': {
    forgets: true,
    async run({ pair, servers }, forMs) {
      await pair.part()
      await sleep(forMs)
      await pair.failOver(0, takeOver(servers))
    },
  },
  'handed over': {
    forgets: false,
    run: ({ pair, servers }) => pair.handOver(takeOver(servers)),
  },
  '200 ms away': {
    forgets: false,
    run: onLines(
      (line) => line.delay(200),
      (line) => line.delay(0),
    ),
  },
  unheard: {
    forgets: false,
    run: onLines(
      (line) => line.hold(),
      (line) => line.letGo(),
    ),
  },
  'now near and now far': {
    forgets: false,
    async run({ servers }, forMs) {
      for (let left = forMs; left > 0; left -= TURN_MS) {
        for (const { line } of servers) line.delay(Math.round(left / TURN_MS) % 2 === 0 ? 0 : 100)
        await sleep(TURN_MS)
      }
      each(servers, (line) => line.delay(0))
    },
  },
  'gone without a word': {
    forgets: false,
    run: atOnce(async ({ servers }) => each(servers, (line) => line.fallSilent())),
  },
  'out of memory': {
    forgets: false,
    async run({ pair }, forMs) {
      const { admin } = pair.primary()
      await admin.config('SET', 'maxmemory', '1')
      await sleep(forMs)
      await admin.config('SET', 'maxmemory', '0')
    },
  },
  'cut off': {
    forgets: false,
    run: atOnce(async ({ servers }) => each(servers, (line) => line.breakOff())),
  },
  'told by a clock an hour ahead': {
    forgets: false,
    async run({ setClock }, forMs) {
      setClock(3_600_000_000)
      await sleep(forMs)
      setClock(0)
    },
  },
  'told by a clock an hour back, and killed': {
    forgets: true,
    async run(stand, forMs) {
      await stand.pair.primary().kill()
      await sleep(forMs)
      stand.setClock(-3_600_000_000)
      await stand.pair.primary().restart()
    },
  },
} as const satisfies Readonly<Record<string, Fault>>

export type FaultName = keyof typeof FAULTS
export const FAULT_NAMES = Object.keys(FAULTS).filter((name): name is FaultName => name in FAULTS)

/** A fault in the middle of a load on a key of its own. */
export const runRound = async (stand: Stand, fault: FaultName, key: string, moments: Moments): Promise<Round> => {
  const { forgets, run } = FAULTS[fault]
  const { servers, pair } = stand
  const round = await roundOf({ fault, servers, keys: [{ key, forgets }], moments, run: (forMs) => run(stand, forMs) })
  await pair.inStep()
  return round
}

const SERVERS = 3

/** Three servers over a primary and its replica. */
export const withStand = async <T>(
  openServer: (options: ServerOptions) => Promise<Server>,
  work: (stand: Stand) => Promise<T>,
): Promise<T> => {
  const pair = await openPair()
  const servers: Server[] = []
  let clockOffUs = 0
  const open = () => openServer({ url: pair.primary().url, liveServers: () => SERVERS, offUs: () => clockOffUs })
  try {
    while (servers.length < SERVERS) servers.push(await open())
    return await work({
      pair,
      servers,
      setClock: (offUs) => {
        clockOffUs = offUs
      },
    })
  } finally {
    for (const server of servers) await server.close()
    await pair.close()
  }
}
