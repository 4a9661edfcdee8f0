import { DecimalError, parseDecimal } from '../../lib/decimal.ts'
import { isCurrency, minorDigits, parseAmount } from '../../lib/money.ts'
import { type AppError, unprocessable } from '../../platform/errors.ts'
import { METERS, type Meter, type PlanTerms, perMeter } from './plan.ts'

/** Terms as the API takes them: decimals are text in major units. */
export interface TermsInput {
  readonly currency: string
  readonly monthlyPrice: string
  readonly included: Readonly<Record<Meter, string>>
  readonly overage: Readonly<Partial<Record<Meter, string | null>>>
  readonly hardStop: boolean
  readonly apiCallsPerMinute: number
  readonly concurrentAgents: number
  readonly llmPassThrough: boolean
  readonly llmMarkupPercent: string
  readonly trialDays: number
}

/** So that a year's price and its weight in proration stay within what the database holds. */
const MAX_WHOLE_DIGITS = 9

/** What models are priced in. */
const LLM_CURRENCY = 'USD'

const refuse = (field: string, message: string): AppError =>
  unprocessable('validation_failed', `${field}: ${message}`, { errors: [{ field, message }] })

const checked = (field: string, parse: () => bigint): bigint => {
  let value: bigint
  try {
    value = parse()
  } catch (error) {
    if (error instanceof DecimalError) throw refuse(field, error.message)
    throw error
  }
  if (value < 0n) throw refuse(field, 'send 0 or more')
  return value
}

/** A price a month in major units of the currency → minor units: not negative, below 10⁹. Throws 422 `validation_failed`. */
export const monthlyPriceOf = (field: string, text: string, currency: string): bigint =>
  checked(field, () => {
    const price = parseAmount(text, currency)
    if (price >= 10n ** BigInt(MAX_WHOLE_DIGITS + minorDigits(currency)))
      throw new DecimalError('too_large', `'${text}' is too large; send less than 1,000,000,000`)
    return price
  })

/** Throws 422 `validation_failed` that names the field. */
export const termsOf = (input: TermsInput): PlanTerms => {
  if (!isCurrency(input.currency))
    throw refuse('currency', `'${input.currency}' is not a currency; send an ISO 4217 code such as USD`)
  const decimal = (field: string, text: string): bigint => checked(field, () => parseDecimal(text, undefined, 15))
  const priced = METERS.filter((meter) => (input.overage[meter] ?? null) !== null)
  if (input.hardStop && priced.length > 0)
    throw refuse('overage', `a plan with a hard stop has no overage; leave out ${priced.join(', ')} or set hard_stop to false`)
  if (input.llmPassThrough && input.currency !== LLM_CURRENCY)
    throw refuse(
      'llm_pass_through',
      `LLM cost is in ${LLM_CURRENCY} and is not converted; a plan in ${input.currency} cannot pass it through, make one in ${LLM_CURRENCY}`,
    )
  return {
    currency: input.currency,
    monthlyPrice: monthlyPriceOf('monthly_price', input.monthlyPrice, input.currency),
    included: perMeter((meter) => decimal(`included.${meter}`, input.included[meter])),
    overage: perMeter((meter) => {
      const price = input.overage[meter] ?? null
      return price === null ? null : decimal(`overage.${meter}`, price)
    }),
    hardStop: input.hardStop,
    apiCallsPerMinute: input.apiCallsPerMinute,
    concurrentAgents: input.concurrentAgents,
    llmPassThrough: input.llmPassThrough,
    llmMarkupPercent: markupOf(input.llmMarkupPercent),
    trialDays: input.trialDays,
  }
}

const markupOf = (text: string): string => {
  const field = 'llm_markup_percent'
  checked(field, () => parseDecimal(text, 6, 6)) // numeric(12,6)
  return text
}
