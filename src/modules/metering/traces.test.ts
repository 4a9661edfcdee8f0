import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dataFile } from '../../../test/data.ts'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { asOwner, meterOf, rollUps } from '../../../test/harness/metering.ts'
import type { EventInput } from './schema.ts'

// The Azure LLM inference traces of 2023 (Azure/AzurePublicDataset, CC-BY): real arrivals and token counts, without a model.
const NAMES = ['AzureLLMInferenceTrace_code.csv', 'AzureLLMInferenceTrace_conv.csv']
const files = NAMES.flatMap((name) => dataFile(`llm/${name}`) ?? [])
const why = files.length === NAMES.length ? '' : ' (skipped: no llm/AzureLLMInferenceTrace_*.csv in COGNITIONOS_RECORDINGS)'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

type Row = { readonly TIMESTAMP: string; readonly ContextTokens: string; readonly GeneratedTokens: string }

/** The traces name no model: that all of it was gpt-4 at 30 and 60 dollars a million tokens is our assumption. */
const events = (): EventInput[] =>
  files.flatMap((file, f) => {
    const rows: Row[] = parse(readFileSync(file), { columns: true })
    return rows.map((row, i) => ({
      id: `${NAMES[f]}:${i + 2}`, // the line in the file
      type: 'LLM_COMPLETION',
      provider: 'openai',
      model: 'gpt-4',
      occurred_at: `${row.TIMESTAMP.replace(' ', 'T')}Z`,
      input_tokens: Number(row.ContextTokens),
      output_tokens: Number(row.GeneratedTokens),
    }))
  })

test.skipIf(why)(
  `the two Azure traces: 28,185 events, every token, the cost to its last digit; a second replay changes nothing${why}`,
  async () => {
    const tenant = await database.createTenant()
    const { usage } = meterOf(database)
    const all = events()
    const replay = async () => {
      let accepted = 0
      for (let at = 0; at < all.length; at += 10_000) accepted += (await usage.batch(tenant, all.slice(at, at + 10_000))).accepted
      return accepted
    }
    const sums = () =>
      asOwner(
        database,
        `select sum(events)::int as events, sum(input_tokens)::int as input, sum(output_tokens)::int as output, sum(cost)::text as cost,
        sum(unpriced)::int as unpriced from usage_hours where tenant_id = $1`,
        [tenant],
      )
    expect(await replay()).toBe(28_185)
    // Independent of the product: text of the file, BigInt, 30 and 60 pico-dollars × 10⁶ a token.
    let pico = 0n
    for (const file of files)
      for (const line of readFileSync(file, 'latin1').trim().split(/\r?\n/).slice(1)) {
        const [, input = '', output = ''] = line.split(',')
        pico += BigInt(input) * 30_000_000n + BigInt(output) * 60_000_000n
      }
    const digits = pico.toString().padStart(13, '0')
    const cost = `${digits.slice(0, -12)}.${digits.slice(-12)}`
    const expected = [{ events: 28_185, input: 40_421_844, output: 4_334_561, cost, unpriced: 0 }]
    expect(await sums()).toEqual(expected)
    const once = await rollUps(database)
    expect(once.stored).toEqual(once.recounted)
    expect(await replay()).toBe(0)
    expect(await sums()).toEqual(expected)
    expect((await rollUps(database)).stored).toEqual(once.stored)
  },
)
