import { parseArgs } from 'node:util'
import { type Claim, type Measured, type PlainClaim, Unmeasurable } from './claim.ts'
import { httpGet } from './http-get.ts'
import { ingestBatch } from './ingest-batch.ts'
import { ingestSingle } from './ingest-single.ts'
import { limitHttp } from './limit-http.ts'
import { limitMemory } from './limit-memory.ts'
import { limitMemoryBytes } from './limit-memory-bytes.ts'
import { limitRedis } from './limit-redis.ts'
import { limitRedisFour } from './limit-redis-four.ts'
import { limitRedisLease } from './limit-redis-lease.ts'
import { openPlace } from './place.ts'
import { summaryScale } from './summary-scale.ts'

const CLAIMS: readonly (Claim | PlainClaim)[] = [
  ingestBatch,
  ingestSingle,
  summaryScale,
  httpGet,
  limitMemory,
  limitMemoryBytes,
  limitRedis,
  limitRedisFour,
  limitRedisLease,
  limitHttp,
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, short: { type: 'boolean' }, check: { type: 'boolean' }, help: { type: 'boolean' } },
})
const names = CLAIMS.map(({ name }) => name).join(', ')
if (values.help) {
  console.log(`npm run bench -- [claim …] [--json] [--short] [--check]\nclaims: ${names}\n--check: exit 1 where a goal is missed`)
  process.exit()
}
const unknown = positionals.find((name) => !CLAIMS.some((claim) => claim.name === name))
if (unknown !== undefined) {
  console.error(`there is no claim '${unknown}'; choose of: ${names}`)
  process.exit(2)
}

const figure = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3))
const rounded = (ratio: number): number => Math.round(ratio * 1_000) / 1_000

const chosen = positionals.length > 0 ? CLAIMS.filter(({ name }) => positionals.includes(name)) : CLAIMS

const measure = async (claim: Claim | PlainClaim): Promise<Measured & { readonly where: string }> => {
  const options = { short: values.short === true }
  if ('measure' in claim) return { ...(await claim.measure(options)), where: `Node ${process.version}` }
  const place = await openPlace()
  try {
    return { ...(await claim.run(place, options)), where: place.server }
  } finally {
    await place.close()
  }
}

let missed = false
const table: Record<string, Record<string, string>> = {}
for (const claim of chosen) {
  const { ours, reference, notes, where, ...further } = await measure(claim).catch((error: unknown) => {
    if (!(error instanceof Unmeasurable)) throw error
    console.error(`${claim.name} ${error.message}`)
    process.exit(1)
  })
  const also = (further.also ?? []).map((one) => ({ ...one, ratio: rounded(one.ratio) }))
  const { name, goal, unit, floor = 0 } = claim
  const ratio = rounded(claim.costs ? reference / ours : ours / reference)
  const holds = ratio >= goal && ours >= floor && also.every((one) => one.ratio >= one.goal)
  missed ||= !holds
  table[name] = {
    ours: figure(ours),
    reference: figure(reference),
    unit,
    ratio: ratio.toFixed(3),
    goal: `≥ ${goal}`,
    holds: holds ? 'yes' : 'NO',
  }
  if (values.json)
    console.log(
      JSON.stringify({ claim: name, ours, reference, ratio, goal, unit, ...(also.length > 0 && { also }), where, notes }),
    )
  else {
    const least = claim.floor === undefined ? '' : `, and ≥ ${figure(floor)} ${unit}`
    console.log(`${holds ? 'holds ' : 'MISSED'}  ${name.padEnd(18)} ratio ${ratio.toFixed(3)} (goal ${goal}${least})`)
    console.log(`        ours ${figure(ours)} ${unit}, reference ${figure(reference)} ${unit}; ${where}`)
    for (const one of also) console.log(`        also: ${one.what}: ratio ${one.ratio.toFixed(3)} (goal ${one.goal})`)
    for (const note of notes) console.log(`        ${note}`)
  }
}
if (!values.json && chosen.length > 1) console.table(table)
if (missed && values.check) process.exitCode = 1
