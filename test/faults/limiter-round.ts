import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AdmittedOf, startLoad } from './limiter-load.ts'
import { type Asked, LIMIT, NAMES } from './limiter-servers.ts'

export interface Moments {
  readonly beforeMs: number
  readonly forMs: number
}

/** What is asked for in a round. */
export interface Key {
  readonly key: string
  /** Whether its counts may be lost: what was let through may then be let through once more. */
  readonly forgets: boolean
}

export interface Round {
  readonly fault: string
  /** What was not as promised, in words; none: all was. */
  readonly wrong: readonly string[]
  readonly checks: number
  readonly degraded: number
  /** By key. */
  readonly admitted: readonly AdmittedOf[]
  /** Milliseconds that a check took, and that the process itself was late. */
  readonly took: { readonly median: number; readonly p99: number; readonly most: number }
  readonly lag: number
}

const RECOVERED_MS = 20_000

/** What is let through by the store is one limit, and one more where counts were lost; by a server alone its share of it, or none. */
const overdrawn = (admitted: AdmittedOf, servers: number, { key, forgets }: Key): readonly string[] => {
  const most = forgets ? 2 * LIMIT : LIMIT
  const share = Math.floor(LIMIT / servers)
  return [
    ...NAMES.filter((name) => admitted[name].byStore > most).map(
      (name) => `the store let ${admitted[name].byStore} through ${name} of ${key}`,
    ),
    ...[...admitted.local.alone, ...admitted.leased.alone]
      .filter((count) => count > share)
      .map((count) => `a server alone let ${count} of ${key} through, its share is ${share}`),
  ]
}

const at = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

export interface RoundOptions {
  readonly fault: string
  readonly servers: readonly Asked[]
  readonly keys: readonly Key[]
  readonly moments: Moments
  readonly run: (forMs: number) => Promise<void>
  readonly isCluster?: boolean
}

/** A fault in the middle of a load. */
export const roundOf = async ({ fault, servers, keys, moments, run, isCluster = false }: RoundOptions): Promise<Round> => {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const load = startLoad(
    servers,
    keys.map(({ key }) => key),
    { isCluster },
  )
  await sleep(moments.beforeMs)
  await run(moments.forMs)
  const wrong: string[] = []
  if (!(await load.recovered(RECOVERED_MS))) wrong.push(`the store was not asked again within ${RECOVERED_MS} ms`)
  await sleep(moments.beforeMs)
  await load.stop()
  delay.disable()
  const sorted = load.took.toSorted((a, b) => a - b)
  const beyond = keys.flatMap((key, i) => (load.admitted[i] ? overdrawn(load.admitted[i], servers.length, key) : []))
  return {
    fault,
    wrong: [...wrong, ...load.wrong, ...beyond],
    checks: sorted.length,
    degraded: load.degraded(),
    admitted: load.admitted,
    took: { median: at(sorted, 0.5), p99: at(sorted, 0.99), most: at(sorted, 1) },
    lag: delay.max / 1e6,
  }
}
