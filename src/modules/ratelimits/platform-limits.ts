import type { Caller } from '../../platform/auth/caller.ts'
import type { LimitAnswer, LimitedBy, RequestLimits } from '../../platform/http/request-limits.ts'
import type { LimitDecision } from './limiter/decision.ts'
import { limitItem, list, policyItem } from './limiter/http/fields.ts'
import { retryAfterSeconds } from './limiter/http/jittered-wait.ts'
import { readIpKey } from './limiter/ip-key.ts'
import { memoryLimiter } from './limiter/memory/limiter.ts'
import type { Policy } from './limiter/policy.ts'
import { minuteWindows } from './minute-windows.ts'
import type { PlanCache } from './plan-cache.ts'
import { type RefusalSample, refusalSample } from './refusal-sample.ts'

export interface PlatformLimitsOptions {
  /** Requests a minute, and at once, that one address may send without a valid key. */
  readonly addressPerMinute: number
  /** What one key may take of its tenant's calls a minute; 100: all of them. */
  readonly keySharePercent: number
  readonly rates: PlanCache<number>
  /** Hears of every refusal. */
  readonly refused: (by: readonly LimitedBy[]) => void
  /** Whole microseconds since the epoch. */
  readonly now: () => number
  /** Of the hash of keys. */
  readonly seed: number
  /** From 0 to below 1. */
  readonly random: () => number
  /** Addresses counted at most; 100,000 unless told. */
  readonly maxAddresses?: number
}

export interface PlatformLimits extends RequestLimits {
  /** Keys held, by limit. */
  sizes(): Readonly<Record<LimitedBy, number>>
}

const MINUTE_S = 60
const MAX_ADDRESSES = 100_000
/** Of keys and of tenants, which nobody can make up: all that call within one minute. */
const MAX_CALLERS = 1_000_000
/** Keys that are looked at a second, and at once, though their address is used up. */
const SPARED_OF_ADDRESS = 5
const SPARED_OF_ALL = 100
const AUDITED_ADDRESSES = 100
const AUDITED_KEYS = 1_000

/** Remembers the last answers: an IPv6 address takes longer to read than to count. */
const remembering = (most: number, work: (text: string) => string): ((text: string) => string) => {
  const known = new Map<string, string>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    if (known.size >= most) known.clear()
    const result = work(text)
    known.set(text, result)
    return result
  }
}

const NONE: readonly LimitedBy[] = []
const ADDRESS: readonly LimitedBy[] = ['address']
const KEY: readonly LimitedBy[] = ['key']
const TENANT: readonly LimitedBy[] = ['tenant']
const BOTH: readonly LimitedBy[] = ['key', 'tenant']

const seconds = (ms: number): number => Math.ceil(ms / 1_000)
/** As two of `limitItem`, which checks any name and number: this is written on every answer. A call that was counted leaves a time to tell. */
const passed = (key: LimitDecision, tenant: LimitDecision): string =>
  `"key";r=${key.remaining};t=${seconds(key.resetMs)},"tenant";r=${tenant.remaining};t=${seconds(tenant.resetMs)}`

/**
 * The limits of the API's own routes, counted in this process. By address: a token bucket that only requests without a valid key leave empty.
 * By key and by tenant: the calls a minute of the tenant's plan, all or nothing, in windows that never let more through. Operators are
 * not limited.
 */
export const platformLimits = (options: PlatformLimitsOptions): PlatformLimits => {
  const { addressPerMinute, keySharePercent, rates, refused, now, seed, random, maxAddresses = MAX_ADDRESSES } = options
  const addresses = memoryLimiter({
    limits: {
      address: { algorithm: 'TOKEN_BUCKET', capacity: addressPerMinute, refill: { tokens: addressPerMinute, perMs: 60_000 } },
    },
    maxKeys: maxAddresses,
    // With more addresses empty at once than are counted, authentication and the bound of what is in flight still stand before the rest.
    onOverflow: 'admit',
    now,
    seed,
  })
  const perSecond = (tokens: number): Policy => ({
    algorithm: 'TOKEN_BUCKET',
    capacity: tokens,
    refill: { tokens, perMs: 1_000 },
  })
  const spares = memoryLimiter({
    limits: { address: perSecond(SPARED_OF_ADDRESS), all: perSecond(SPARED_OF_ALL) },
    maxKeys: 10_000,
    now,
    seed,
  })
  const keys = minuteWindows('key', MAX_CALLERS, seed, now())
  const tenants = minuteWindows('tenant', MAX_CALLERS, seed, now())
  const addressOf = remembering(10_000, (address) => readIpKey(address) ?? 'unknown')
  const elapsedMs = (): number => now() / 1_000
  const auditedAddresses = refusalSample(AUDITED_ADDRESSES, elapsedMs)
  const auditedKeys = refusalSample(AUDITED_KEYS, elapsedMs)
  const addressPolicy = policyItem({ name: 'address', quota: addressPerMinute, windowSeconds: MINUTE_S })

  const keyRateOf = (rate: number): number => Math.ceil((rate * keySharePercent) / 100)
  const policies = new Map<number, string>()
  /** There are as many as plans. */
  const policyOf = (rate: number): string => {
    const known = policies.get(rate)
    if (known !== undefined) return known
    const items = [
      policyItem({ name: 'key', quota: keyRateOf(rate), windowSeconds: MINUTE_S }),
      policyItem({ name: 'tenant', quota: rate, windowSeconds: MINUTE_S }),
    ]
    if (policies.size >= 10_000) policies.clear()
    policies.set(rate, list(items))
    return list(items)
  }

  const refuse = (
    by: readonly LimitedBy[],
    limits: readonly LimitDecision[],
    rateLimitPolicy: string,
    sample: RefusalSample,
    subject: string,
  ): LimitAnswer => {
    refused(by)
    return {
      refusedBy: by,
      fields: { rateLimit: list(limits.map((limit) => limitItem(limit))), rateLimitPolicy },
      retryAfter: retryAfterSeconds({ allowed: false, limits }, random()),
      record: sample.see(subject),
    }
  }

  const ofCaller = (keyId: string, tenantId: string, rate: number): LimitAnswer => {
    const time = now()
    const keyRate = keyRateOf(rate)
    const keyAt = keys.find(keyId, time)
    const tenantAt = tenants.find(tenantId, time)
    const keyFits = keys.fits(keyAt, keyRate, time)
    const tenantFits = tenants.fits(tenantAt, rate, time)
    const passes = keyFits && tenantFits
    const key = keys.tell(keyAt, keyRate, time, keyFits, passes)
    const tenant = tenants.tell(tenantAt, rate, time, tenantFits, passes)
    if (!passes) {
      const by = keyFits ? TENANT : tenantFits ? KEY : BOTH
      return refuse(by, [key, tenant], policyOf(rate), auditedKeys, keyId)
    }
    return {
      refusedBy: NONE,
      fields: { rateLimit: passed(key, tenant), rateLimitPolicy: policyOf(rate) },
      retryAfter: undefined,
      record: undefined,
    }
  }

  return {
    byAddress(address) {
      const key = addressOf(address)
      const decision = addresses.tryAcquire('address', key)
      return decision.allowed ? undefined : refuse(ADDRESS, [decision], addressPolicy, auditedAddresses, key)
    },
    spare: (address) =>
      spares.tryAcquireAll([
        { limit: 'address', key: addressOf(address) },
        { limit: 'all', key: 'all' },
      ]).allowed,
    giveBack: (address) => addresses.giveBack('address', addressOf(address), 1),
    byCaller(caller: Caller) {
      if (caller.kind === 'operator') return undefined
      const { keyId, tenantId } = caller
      const rate = rates.of(tenantId)
      return typeof rate === 'number' ? ofCaller(keyId, tenantId, rate) : rate.then((looked) => ofCaller(keyId, tenantId, looked))
    },
    sizes: () => ({ address: addresses.sizes().address ?? 0, key: keys.size(), tenant: tenants.size() }),
  }
}
