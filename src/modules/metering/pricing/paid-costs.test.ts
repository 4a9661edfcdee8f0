import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { expect, test } from 'vitest'
import { dataFile } from '../../../../test/data.ts'
import { divRound } from '../../../lib/money.ts'
import { bundledCatalogue } from './catalogue.ts'
import { decimalOfFloat } from './float-decimal.ts'
import { costOfCalls } from './price.ts'
import { priceBook } from './resolve.ts'
import { perMillion } from './seed.ts'
import { completeUsage } from './usage.ts'

// Derived from Aider-AI/aider:aider/website/assets/sample-analytics.jsonl (Apache-2.0): real messages with the cost that was paid.
const file = dataFile('llm/aider_llm_messages.csv')
const withData = test.skipIf(!file)
const why = file ? '' : ' (skipped: no llm/aider_llm_messages.csv in COGNITIONOS_RECORDINGS)'

type Row = {
  readonly unix_time: string
  readonly model: string
  readonly prompt_tokens: string
  readonly completion_tokens: string
  readonly cost_usd: string
}

/** The file holds binary floats (0.013317500000000001): 12 decimals are what was paid. */
function paidPico(text: string): bigint {
  const value = decimalOfFloat(text)
  if (!value) throw new Error(`cost_usd '${text}' is no decimal`)
  return divRound(value.digits * 10n ** 12n, 10n ** BigInt(value.scale))
}

async function compare(path: string) {
  const rows: Row[] = parse(readFileSync(path), { columns: true })
  const book = priceBook([], await bundledCatalogue())
  return rows.map((row) => {
    const at = Number(row.unix_time) * 1000
    const usage = completeUsage({ inputTokens: Number(row.prompt_tokens), outputTokens: Number(row.completion_tokens) })
    const price = book.resolve(undefined, row.model, at)
    return { row, usage, price, paid: paidPico(row.cost_usd), cost: price && costOfCalls(usage, price.rates) }
  })
}

withData(
  `the catalogue has the model of all 107 messages, and every cost is the cost that was paid, to 10⁻¹² USD${why}`,
  async () => {
    const all = await compare(file ?? '')
    expect(all).toHaveLength(107)
    expect(all.filter(({ price }) => !price).map(({ row }) => row.model)).toEqual([])
    expect(
      all.filter(({ cost, paid }) => cost !== paid).map(({ row, cost }) => `${row.model}: ${cost} instead of ${row.cost_usd}`),
    ).toEqual([])
    expect(all.reduce((sum, { usage }) => sum + usage.inputTokens, 0)).toBe(2_484_349)
    expect(all.reduce((sum, { usage }) => sum + usage.outputTokens, 0)).toBe(45_772)
    const total = all.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)
    expect(total).toBe(all.reduce((sum, { paid }) => sum + paid, 0n))
    expect(divRound(total, 10n ** 6n)).toBe(5_305_332n)
  },
)

// The flat prices at which the messages were paid, USD per million tokens in and out, as the file's description gives them.
const FLAT = new Map([
  ['gemini-2.5-pro', ['1.25', '10']],
  ['gemini-3-flash-preview', ['0.5', '3']],
  ['gemini-3-pro-preview', ['2', '12']],
  ['gpt-5.2', ['1.75', '14']],
  ['gpt-5.2-codex', ['1.75', '14']],
  ['gpt-5.4', ['2.5', '15']],
])

withData(
  `the catalogue's base prices are the flat prices that were paid, and no message reaches a context tier${why}`,
  async () => {
    const all = await compare(file ?? '')
    const tiered = new Set<string>()
    let described = 0
    for (const { row, usage, price } of all) {
      const flat = FLAT.get(row.model.replace(/^.*\//, ''))
      if (flat) {
        described += 1
        expect(price?.rates).toMatchObject({ input: perMillion(flat[0] ?? ''), output: perMillion(flat[1] ?? '') })
      }
      for (const tier of price?.rates.tiers ?? []) {
        tiered.add(price?.model ?? '')
        expect(usage.inputTokens).toBeLessThanOrEqual(tier.aboveInputTokens)
      }
    }
    // The six others are gpt-5, gpt-5.3-codex and gpt-5.5: not in the description, yet paid at the catalogue's price too.
    expect(described).toBe(101)
    expect([...tiered].toSorted()).toEqual(['gemini-2.5-pro', 'gemini-3-pro-preview', 'gpt-5.4', 'gpt-5.5'])
  },
)
