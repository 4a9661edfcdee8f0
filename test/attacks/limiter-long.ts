import { openStand } from '../faults/stand.ts'
import { growth } from './growth.ts'
import { type Attacked, attack, attackBare, BEHIND_PROXY, type Served } from './limiter-attack.ts'
import { type Churned, churn } from './limiter-churn.ts'

// npm run test:limiter-attack [minutes] [memory|http]: the long form of limiter-attack.test.ts, each half for so long; ten minutes unless told.
const [minutesText = '10', half] = process.argv.slice(2)
const minutes = Number(minutesText)
const milliseconds = minutes * 60_000
const told = (line: string): void => {
  process.stdout.write(`${line}\n`)
}
const faults: string[] = []

/** After this part of the time all that there will be is there: from then on memory may move by so much of itself. */
const WARM_UP = 0.3
const FLAT = 0.05

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`

interface At {
  readonly at: number
}
const tell = <T extends At>(what: string, samples: readonly T[], bytesOf: (sample: T) => number): number => {
  const warm = samples.filter(({ at }) => at >= WARM_UP * (samples.at(-1)?.at ?? 0))
  const { mean, perMinute, part } = growth(warm.map((sample) => ({ at: sample.at, value: bytesOf(sample) })))
  const [mb, mbPerMinute] = [(mean / 1e6).toFixed(1), (perMinute / 1e6).toFixed(3)]
  told(`${what}: ${mb} MB, ${mbPerMinute} MB a minute, ${percent(part)} over the time after the warm-up`)
  return part
}
const judge = <T extends At>(what: string, samples: readonly T[], bytesOf: (sample: T) => number): void => {
  const part = tell(what, samples, bytesOf)
  if (part > FLAT) faults.push(`${what} is not flat: ${percent(part)}`)
}

/** When a busy process hands memory back is up to its collector: what counts is that it reaches no new height in the last third. */
const judgeHeight = <T extends At>(what: string, samples: readonly T[], bytesOf: (sample: T) => number): void => {
  tell(what, samples, bytesOf)
  const isLate = ({ at }: T): boolean => at >= (2 / 3) * (samples.at(-1)?.at ?? 0)
  const highest = (some: readonly T[]): number => Math.max(...some.map(bytesOf))
  const [before, late] = [highest(samples.filter((one) => !isLate(one))), highest(samples.filter(isLate))]
  told(`${what}: ${(before / 1e6).toFixed(1)} MB at most in two thirds of the time, ${(late / 1e6).toFixed(1)} MB in the last`)
  if (late > (1 + FLAT) * before) faults.push(`${what} is not flat: ${percent(late / before - 1)} higher in the last third`)
}

/** What remains between collections: the least of each so many samples in a row. */
const floors = <T extends At>(samples: readonly T[], bytesOf: (sample: T) => number, run: number): readonly T[] =>
  Array.from({ length: Math.floor(samples.length / run) }, (_, i) => samples.slice(i * run, (i + 1) * run)).flatMap((some) =>
    some.toSorted((a, b) => bytesOf(a) - bytesOf(b)).slice(0, 1),
  )

const tellChurned = ({ samples, requests, most, wrong }: Churned): void => {
  told(`a million keys: ${requests} requests of keys that are made up, ${most} held at most`)
  judge('heap', samples, ({ heap }) => heap)
  judge('arrays', samples, ({ arrays }) => arrays)
  judge('resident', samples, ({ resident }) => resident)
  faults.push(...wrong)
}

const inWords = ({ calls, failed, median, p99 }: Served): string => {
  const lost = Object.entries(failed).map(([what, count]) => `${count} × ${what}`)
  return `${calls} calls, ${lost.length === 0 ? 'all answered 2xx' : lost.join(', ')}; half within ${median.toFixed(1)} ms, 99 % within ${p99.toFixed(1)} ms`
}

const tellAttacked = ({ calm, attacked, strangers, samples }: Attacked): void => {
  told(`tenants in calm: ${inWords(calm)}`)
  told(`tenants under attack: ${inWords(attacked)}`)
  told(
    `strangers, by status: ${JSON.stringify(strangers)}; addresses counted at most: ${Math.max(...samples.map(({ addresses }) => addresses))}`,
  )
  judgeHeight('resident', samples, ({ resident }) => resident)
  judge(
    'heap after collections',
    floors(samples, ({ heap }) => heap, 6),
    ({ heap }) => heap,
  )
  for (const served of [calm, attacked])
    if (Object.keys(served.failed).length > 0) faults.push(`tenants were not served: ${inWords(served)}`)
}

if (half !== 'http') tellChurned(await churn({ keys: 1_000_000, blocked: 10_000, milliseconds, everyMs: 5_000, told }))
/** How long the bare server beside it is measured, in calm and under attack each. */
const BARE_MS = 10_000

if (half !== 'memory') {
  const stand = await openStand({ env: BEHIND_PROXY })
  const crowd = { addresses: 100_000, connections: 64 }
  try {
    const attacked = await attack({ stand, calmMs: 20_000, attackMs: milliseconds, ...crowd, everyMs: 2_500, told })
    tellAttacked(attacked)
    const bare = await attackBare(stand, { ...crowd, milliseconds: BARE_MS })
    told(`the same load on a bare server in calm: ${inWords(bare.calm)}`)
    told(`the same load on a bare server under attack: ${inWords(bare.attacked)}`)
    const times = (part: 'median' | 'p99') => (attacked.attacked[part] / bare.attacked[part]).toFixed(1)
    told(
      `under attack a tenant's call takes ${times('median')} times the bare server's in the median, ${times('p99')} times at the 99th percentile`,
    )
  } finally {
    await stand.close()
  }
}
for (const fault of faults) told(`  ${fault}`)
told(faults.length === 0 ? `as promised, over ${minutes} minutes each` : `${faults.length} faults`)
if (faults.length > 0) process.exitCode = 1
