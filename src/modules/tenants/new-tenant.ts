import { isCurrency } from '../../lib/money.ts'
import type { IsolationLevel } from '../../platform/db/place.ts'
import { unprocessable } from '../../platform/errors.ts'
import { checkEmail } from './member.ts'
import { DEFAULT_QUOTAS, type Quotas, type TenantStatus, type TenantType } from './tenant.ts'

const DEFAULT_TRIAL_DAYS = 14

export interface CreateTenant {
  readonly name: string
  readonly slug?: string | undefined
  readonly type: TenantType
  readonly isolation?: IsolationLevel | undefined
  readonly clusterId?: string | undefined
  readonly currency?: string | undefined
  readonly timeZone?: string | undefined
  readonly parentId?: string | undefined
  readonly owner: { readonly email: string; readonly name: string }
  /** True: 14 days. */
  readonly trial?: boolean | undefined
  readonly trialDays?: number | undefined
  /** False: the tenant waits, pending_activation, until the operator activates it. */
  readonly activate?: boolean | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** A tenant as decided: nothing in it is left to defaults. */
export interface NewTenant {
  readonly name: string
  /** Undefined: derived from the name. */
  readonly slug: string | undefined
  readonly type: TenantType
  readonly status: TenantStatus
  readonly isolation: IsolationLevel
  readonly clusterId: string | undefined
  readonly currency: string
  readonly timeZone: string
  readonly parentId: string | undefined
  readonly trialEndsAt: Temporal.Instant | null
  readonly quotas: Quotas
  readonly owner: { readonly email: string; readonly name: string }
  readonly metadata: Readonly<Record<string, string>>
}

/** 'europe/berlin' → 'Europe/Berlin'. Offsets and whatever else Temporal would read are refused: bills follow a zone's own DST rules. */
export const checkTimeZone = (zone: string): string => {
  try {
    if (/^[a-z][a-z0-9_+/-]*$/i.test(zone)) return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone).timeZoneId
  } catch {
    // told below
  }
  throw unprocessable('time_zone_unknown', `'${zone}' is not an IANA time zone; send one such as Europe/Berlin or UTC`)
}

const checkCurrency = (code: string): string => {
  if (!isCurrency(code)) throw unprocessable('currency_unknown', `'${code}' is not a currency; send an ISO 4217 code such as USD`)
  return code
}

/** The same time of day in the tenant's zone, as the trial of a subscription: a change of DST makes no day longer or shorter. */
const trialEnd = (
  { trial, trialDays, activate }: CreateTenant,
  timeZone: string,
  now: Temporal.Instant,
): Temporal.Instant | null => {
  if (trial === false && trialDays !== undefined)
    throw unprocessable('trial_contradicted', 'trial is false but trial_days is given; send one of them')
  if (trial !== true && trialDays === undefined) return null
  if (activate === false)
    throw unprocessable('trial_contradicted', 'a trial begins at once; leave out activate: false, or the trial')
  return now
    .toZonedDateTimeISO(timeZone)
    .add({ days: trialDays ?? DEFAULT_TRIAL_DAYS })
    .toInstant()
}

/** What a request to create a tenant means. Throws 422 for what no schema can tell. */
export const decideTenant = (input: CreateTenant, now: Temporal.Instant): NewTenant => {
  const isolation = input.isolation ?? 'SHARED'
  if (isolation === 'CLUSTER' && input.clusterId === undefined)
    throw unprocessable('cluster_required', 'isolation CLUSTER needs cluster_id; POST /clusters registers a server')
  if (isolation !== 'CLUSTER' && input.clusterId !== undefined)
    throw unprocessable('cluster_not_used', `cluster_id is for isolation CLUSTER only, not for ${isolation}`)
  const timeZone = checkTimeZone(input.timeZone ?? 'UTC')
  const trialEndsAt = trialEnd(input, timeZone, now)
  return {
    name: input.name,
    slug: input.slug,
    type: input.type,
    status: trialEndsAt ? 'trial' : input.activate === false ? 'pending_activation' : 'active',
    isolation,
    clusterId: input.clusterId,
    currency: checkCurrency(input.currency ?? 'USD'),
    timeZone,
    parentId: input.parentId,
    trialEndsAt,
    quotas: DEFAULT_QUOTAS[input.type],
    owner: { email: checkEmail(input.owner.email), name: input.owner.name },
    metadata: input.metadata ?? {},
  }
}
