import { parseDecimal } from '../../src/lib/decimal.ts'
import { type PlanVersion, perMeter } from '../../src/modules/catalog/index.ts'
import { decideCreation } from '../../src/modules/subscriptions/creation.ts'
import type { Offer, Subscription } from '../../src/modules/subscriptions/subscription.ts'

/** '2026-03-01' is its midnight, '2026-03-01T09:30' that time; UTC. */
export const instant = (text: string): Temporal.Instant => Temporal.PlainDateTime.from(text).toZonedDateTime('UTC').toInstant()

/** `offerAt(9999n)` is an offer of 99.99 a month. Its version's id is `plv_<price>` unless told. */
export const offerAt = (
  monthlyPrice: bigint,
  cycle: Offer['cycle'] = 'monthly',
  planVersionId = `plv_${monthlyPrice}`,
): Offer => ({
  planVersionId,
  cycle,
  monthlyPrice,
  priceOverridden: false,
})

export interface Begin {
  readonly at: string
  readonly offer: Offer
  readonly trialDays?: number
  readonly timeZone?: string
}

/** A subscription as it begins at `at`. */
export const begin = ({ at, offer, trialDays = 0, timeZone = 'UTC' }: Begin): Subscription =>
  decideCreation({
    id: 'sub_1',
    tenantId: 'tnt_1',
    timeZone,
    currency: 'USD',
    offer,
    trialDays,
    anchorAt: undefined,
    now: instant(at),
  })

/** A version that includes the same number of everything and charges `overage` major units for more; null: a hard stop. */
export const versionWith = (id: string, included: string, overage: string | null = null): PlanVersion => ({
  id,
  planCode: id,
  planName: id,
  tier: 'CUSTOM',
  tenantId: null,
  archivedAt: null,
  version: 1,
  createdAt: instant('2026-01-01'),
  currency: 'USD',
  monthlyPrice: 0n,
  included: perMeter(() => parseDecimal(included)),
  overage: perMeter(() => (overage === null ? null : parseDecimal(overage))),
  hardStop: overage === null,
  apiCallsPerMinute: 10,
  concurrentAgents: 1,
  llmPassThrough: false,
  llmMarkupPercent: '0',
  trialDays: 0,
})
