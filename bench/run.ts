import { parseArgs } from 'node:util'
import type { Claim } from './claim.ts'
import { httpGet } from './http-get.ts'
import { ingestBatch } from './ingest-batch.ts'
import { ingestSingle } from './ingest-single.ts'
import { openPlace } from './place.ts'
import { summaryScale } from './summary-scale.ts'

const CLAIMS: readonly Claim[] = [ingestBatch, ingestSingle, summaryScale, httpGet]

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

const chosen = positionals.length > 0 ? CLAIMS.filter(({ name }) => positionals.includes(name)) : CLAIMS
let missed = false
const table: Record<string, Record<string, string>> = {}
for (const claim of chosen) {
  const place = await openPlace()
  try {
    const { ours, reference, notes } = await claim.run(place, { short: values.short === true })
    const ratio = Math.round((claim.costs ? reference / ours : ours / reference) * 1_000) / 1_000
    const holds = ratio >= claim.goal && ours >= (claim.floor ?? 0)
    missed ||= !holds
    const { name, goal, unit } = claim
    table[name] = {
      ours: figure(ours),
      reference: figure(reference),
      unit,
      ratio: ratio.toFixed(3),
      goal: `≥ ${goal}`,
      holds: holds ? 'yes' : 'NO',
    }
    if (values.json) console.log(JSON.stringify({ claim: name, ours, reference, ratio, goal, unit }))
    else {
      const floor = claim.floor === undefined ? '' : `, and ≥ ${figure(claim.floor)} ${unit}`
      console.log(`${holds ? 'holds ' : 'MISSED'}  ${name.padEnd(14)} ratio ${ratio.toFixed(3)} (goal ${goal}${floor})`)
      console.log(`        ours ${figure(ours)} ${unit}, reference ${figure(reference)} ${unit}; ${place.server}`)
      for (const note of notes) console.log(`        ${note}`)
    }
  } finally {
    await place.close()
  }
}
if (!values.json && chosen.length > 1) console.table(table)
if (missed && values.check) process.exitCode = 1
