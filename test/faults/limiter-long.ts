import { stepServerClock } from './limiter-clock.ts'
import { CLUSTER_FAULT_NAMES, runClusterRound, withCluster } from './limiter-cluster.ts'
import type { AdmittedOf } from './limiter-load.ts'
import type { Moments, Round } from './limiter-round.ts'
import { FAULT_NAMES, runRound, withStand } from './limiter-rounds.ts'
import { KINDS, LIMIT, NAMES } from './limiter-servers.ts'
import { seeded } from './seeded.ts'

// npm run test:limiter-faults [rounds] [seed]: the long form of limiter.test.ts and limiter-cluster.test.ts, so many rounds of each kind.
// Needs redis-server; REDIS_SERVER names another program, but for the Cluster.
const [rounds = 100, seed = 1] = process.argv.slice(2).map(Number)
const told = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const through = (of: AdmittedOf): string =>
  NAMES.map((name) => `${name} ${of[name].byStore}+${of[name].alone.join('+')}`).join(', ')

const inWords = ({ fault, checks, degraded, admitted, took, lag, wrong }: Round): string => {
  const times = [took.median, took.p99, took.most].map((ms) => ms.toFixed(1)).join(', ')
  return [
    `${fault}: ${checks} checks, ${degraded} degraded; let through by the store + by each server alone: ${admitted.map(through).join('; ')}`,
    `  a check took ${times} ms (half, 99 %, most), the process was ${lag.toFixed(1)} ms late; ${wrong.length === 0 ? 'as promised' : wrong.join('; ')}`,
  ].join('\n')
}

const random = seeded(seed)
const done: Round[] = []

/** Each fault once before any comes again. */
const runAll = async <T extends string>(
  faults: readonly T[],
  run: (fault: T, key: string, moments: Moments) => Promise<Round>,
) => {
  for (let round = 0; round < rounds; round += 1) {
    const fault = round < faults.length ? faults[round] : faults[Math.floor(random() * faults.length)]
    if (fault === undefined) continue
    const found = await run(fault, `r${round}`, { beforeMs: 20 + random() * 400, forMs: 20 + random() * 1_500 })
    told(`${round + 1} ${inWords(found)}`)
    done.push(found)
  }
}

let clocks = 0
for (const [kind, open] of KINDS) {
  told(`three ${kind}`)
  await withStand(open, (stand) => runAll(FAULT_NAMES, (...round) => runRound(stand, ...round)))
  const clock = await stepServerClock(open)
  if (clock === undefined) told("the server's clock was not stepped: that needs Linux and a C compiler")
  else told(`the server's clock 20 days back and 65 ahead: ${clock.length === 0 ? 'as promised' : clock.join('; ')}`)
  clocks += clock?.length ?? 0
}
told('two servers on a Redis Cluster of three masters')
await withCluster((stand) => runAll(CLUSTER_FAULT_NAMES, (...round) => runClusterRound(stand, ...round)))

const wrong = done.filter((round) => round.wrong.length > 0)
const sum = (count: (round: Round) => number): number => done.reduce((total, round) => total + count(round), 0)
told(
  `${done.length} rounds with seed ${seed}, a limit of ${LIMIT}: ${sum(({ checks }) => checks)} checks, ${sum(({ degraded }) => degraded)} degraded`,
)
told(`rounds that were not as promised: ${wrong.length}`)
if (wrong.length > 0 || clocks > 0 || done.length === 0) process.exitCode = 1
