import { stepServerClock } from './limiter-clock.ts'
import { FAULTS, type FaultName, type Round, runRound, withStand } from './limiter-rounds.ts'
import { LIMIT, NAMES } from './limiter-servers.ts'
import { seeded } from './seeded.ts'

// npm run test:limiter-faults [rounds] [seed]: the long form of limiter.test.ts. Needs redis-server; REDIS_SERVER names another program.
const [rounds = 100, seed = 1] = process.argv.slice(2).map(Number)
const told = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const inWords = ({ fault, checks, degraded, admitted, took, lag, wrong }: Round): string => {
  const through = NAMES.map((name) => `${name} ${admitted[name].byStore}+${admitted[name].alone.join('+')}`)
  const times = [took.median, took.p99, took.most].map((ms) => ms.toFixed(1)).join(', ')
  return [
    `${fault}: ${checks} checks, ${degraded} degraded; let through by the store + by each server alone: ${through.join(', ')}`,
    `  a check took ${times} ms (half, 99 %, most), the process was ${lag.toFixed(1)} ms late; ${wrong.length === 0 ? 'as promised' : wrong.join('; ')}`,
  ].join('\n')
}

const random = seeded(seed)
const names = Object.keys(FAULTS).filter((name): name is FaultName => name in FAULTS)
const done: Round[] = []
await withStand(async (stand) => {
  for (let round = 0; round < rounds; round += 1) {
    // Each kind once before any comes again.
    const fault = round < names.length ? names[round] : names[Math.floor(random() * names.length)]
    if (!fault) continue
    const found = await runRound(stand, fault, `r${round}`, { beforeMs: 20 + random() * 400, forMs: 20 + random() * 1_500 })
    told(`${round + 1} ${inWords(found)}`)
    done.push(found)
  }
})
const wrong = done.filter((round) => round.wrong.length > 0)
const sum = (count: (round: Round) => number): number => done.reduce((total, round) => total + count(round), 0)
told(
  `${done.length} rounds with seed ${seed}, a limit of ${LIMIT}: ${sum(({ checks }) => checks)} checks, ${sum(({ degraded }) => degraded)} degraded`,
)
told(`rounds that were not as promised: ${wrong.length}`)

const clock = await stepServerClock()
if (clock === undefined) told("the server's clock was not stepped: that needs Linux and a C compiler")
else told(`the server's clock 20 days back and 65 ahead: ${clock.length === 0 ? 'as promised' : clock.join('; ')}`)
if (wrong.length > 0 || (clock?.length ?? 0) > 0 || done.length === 0) process.exitCode = 1
