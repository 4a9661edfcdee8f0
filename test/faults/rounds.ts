import { setTimeout as sleep } from 'node:timers/promises'
import { type Books, makeTenant, newBooks, resend, startLoad, type Tenant } from './load.ts'
import { seeded } from './seeded.ts'
import { inDatabase, openStand, type Stand } from './stand.ts'
import { type Verdict, verify } from './verify.ts'

export interface RoundsOptions {
  readonly stand: Stand
  readonly rounds: number
  readonly seed: number
  readonly kill?: readonly ('server' | 'postgres')[]
  /** Before each round. */
  readonly before?: () => Promise<unknown>
  readonly told?: (line: string) => void
  /** Ends early when this says so of what was found. */
  readonly until?: (verdict: Verdict) => boolean
}

export interface Outcome extends Verdict {
  readonly rounds: number
  readonly books: Books
}

/** So many rounds share their tenants: none grows beyond its quota of users. */
const ROUNDS_A_TENANT = 10

/** A kill before this many answers would prove little. */
const MID_LOAD = 25
const LOADED_MS = 30_000

const both = (a: Verdict, b: Verdict): Verdict => ({
  lost: [...new Set([...a.lost, ...b.lost])],
  doubled: [...new Set([...a.doubled, ...b.doubled])],
  contradictions: [...new Set([...a.contradictions, ...b.contradictions])],
})

/** In the middle of a load, kill -9; start again; compare with the ledger beside it. */
export const runRounds = async (options: RoundsOptions): Promise<Outcome> => {
  const {
    rounds,
    seed,
    stand,
    kill = ['server', 'postgres'],
    before = async () => {},
    told = () => {},
    until = () => false,
  } = options
  const random = seeded(seed)
  const books = newBooks()
  let tenants: Tenant[] = []
  let verdict: Verdict = { lost: [], doubled: [], contradictions: [] }
  let done = 0
  for (; done < rounds && !until(verdict); done += 1) {
    if (done % ROUNDS_A_TENANT === 0)
      tenants = [await makeTenant(stand, 'SHARED'), await makeTenant(stand, 'SCHEMA'), await makeTenant(stand, 'SHARED')]
    const victim = kill[done % kill.length] ?? 'server'
    await before()
    const load = startLoad(stand, tenants, books, done)
    for (const until = performance.now() + LOADED_MS; load.acknowledged() < MID_LOAD; await sleep(5))
      if (performance.now() > until) throw new Error(`${load.acknowledged()} writes were acknowledged: ${stand.output()}`)
    await sleep(random() * 800)
    const written = load.acknowledged()
    await (victim === 'server' ? stand.killServer() : stand.killPostgres())
    const stopped = load.stop()
    await stand.start()
    await stopped
    const found = await verify(stand, books, done)
    verdict = both(verdict, found)
    // What a careless database lost would be made again: it is sent again only after it was looked for.
    if (found.lost.length === 0)
      verdict = both(verdict, { lost: [], doubled: [], contradictions: await resend(stand, load.sent()) })
    const sums = `${found.lost.length} lost, ${found.doubled.length} doubled, ${found.contradictions.length} contradictions`
    told(`round ${done + 1}: kill -9 of ${victim} after ${written} acknowledged writes: ${sums}`)
  }
  return { ...both(verdict, await verify(stand, books)), rounds: done, books }
}

/**
 * The control: commits are answered before they are durable. What this finds, the test can see. What a round needs is written to disk
 * before it, or the schema itself would be lost.
 */
export const runCareless = async (options: Pick<RoundsOptions, 'rounds' | 'seed' | 'told'>): Promise<Outcome> => {
  const stand = await openStand({
    postgres: { synchronous_commit: 'off', wal_writer_delay: '10s', wal_writer_flush_after: '1GB' },
  })
  try {
    return await runRounds({
      ...options,
      stand,
      kill: ['postgres'],
      before: () => inDatabase(stand, 'checkpoint'),
      until: ({ lost }) => lost.length > 0,
    })
  } finally {
    await stand.close()
  }
}
