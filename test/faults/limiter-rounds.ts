import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPair, type Pair } from './limiter-pair.ts'
import { LIMIT, type Load, NAMES, openServer, type Server, startLoad } from './limiter-servers.ts'

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

export const FAULTS = {
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

export interface Round {
  readonly fault: FaultName
  /** What was not as promised, in words; none: all was. */
  readonly wrong: readonly string[]
  readonly checks: number
  readonly degraded: number
  readonly admitted: Load['admitted']
  /** Milliseconds that a check took, and that the process itself was late. */
  readonly took: { readonly median: number; readonly p99: number; readonly most: number }
  readonly lag: number
}

const RECOVERED_MS = 20_000

/** What is let through by the store is one limit, and one more where counts were lost; by a server alone its share of it, or none. */
const overdrawn = ({ admitted }: Load, servers: number, forgets: boolean): readonly string[] => {
  const most = forgets ? 2 * LIMIT : LIMIT
  const share = Math.floor(LIMIT / servers)
  return [
    ...NAMES.filter((name) => admitted[name].byStore > most).map(
      (name) => `the store let ${admitted[name].byStore} through ${name}`,
    ),
    ...admitted.local.alone
      .filter((count) => count > share)
      .map((count) => `a server alone let ${count} through, its share is ${share}`),
  ]
}

const at = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

/** A fault in the middle of a load on a key of its own. */
export const runRound = async (
  stand: Stand,
  fault: FaultName,
  key: string,
  moments: { beforeMs: number; forMs: number },
): Promise<Round> => {
  const { servers, pair } = stand
  const { forgets, run } = FAULTS[fault]
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const load = startLoad(servers, key)
  await sleep(moments.beforeMs)
  await run(stand, moments.forMs)
  const wrong: string[] = []
  if (!(await load.recovered(RECOVERED_MS))) wrong.push(`the store was not asked again within ${RECOVERED_MS} ms`)
  await sleep(moments.beforeMs)
  await load.stop()
  delay.disable()
  await pair.inStep()
  const sorted = load.took.toSorted((a, b) => a - b)
  return {
    fault,
    wrong: [...wrong, ...load.wrong, ...overdrawn(load, servers.length, forgets)],
    checks: sorted.length,
    degraded: load.degraded(),
    admitted: load.admitted,
    took: { median: at(sorted, 0.5), p99: at(sorted, 0.99), most: at(sorted, 1) },
    lag: delay.max / 1e6,
  }
}

const SERVERS = 3
const SILENT_MS = 1_000

/** Three servers of an application over a primary and its replica. */
export const withStand = async <T>(work: (stand: Stand) => Promise<T>): Promise<T> => {
  const pair = await openPair()
  const servers: Server[] = []
  let clockOffUs = 0
  const open = () =>
    openServer({ url: pair.primary().url, liveServers: () => SERVERS, offUs: () => clockOffUs, silentMs: SILENT_MS })
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
