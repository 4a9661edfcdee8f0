import type { TokenUsage } from './pricing/usage.ts'

/** What can be metered, and what `quantity` counts for it. */
export const EVENT_UNITS = {
  LLM_COMPLETION: 'calls',
  EMBEDDING_GENERATION: 'calls',
  API_CALL: 'calls',
  CODE_EXECUTION: 'runs',
  STORAGE_OPERATION: 'bytes added (negative: removed)',
  NETWORK_TRANSFER: 'bytes',
  COMPUTE_TIME: 'seconds',
  DATABASE_QUERY: 'queries',
  AGENT_EXECUTION: 'runs',
  WORKFLOW_EXECUTION: 'runs',
} as const
export type EventType = keyof typeof EVENT_UNITS
export const EVENT_TYPES = Object.keys(EVENT_UNITS) as readonly EventType[] // the keys of a literal object

/** Counted as API calls towards a plan's allowance: one for each completion and embedding, `quantity` for API_CALL. */
export const CALL_TYPES: readonly EventType[] = ['API_CALL', 'LLM_COMPLETION', 'EMBEDDING_GENERATION']
/** Their duration counts as compute time; COMPUTE_TIME counts by its quantity, in seconds. */
export const RUN_TYPES: readonly EventType[] = ['CODE_EXECUTION', 'AGENT_EXECUTION', 'WORKFLOW_EXECUTION']

/** One use, checked and priced, as it is stored. */
export interface UsageEvent extends TokenUsage {
  readonly id: string
  readonly type: EventType
  readonly provider: string | null
  readonly model: string | null
  readonly userId: string | null
  /** RFC 3339, at most microseconds. */
  readonly occurredAt: string
  readonly success: boolean
  /** Exact decimal, at most 12 fraction digits. */
  readonly quantity: string
  readonly durationMs: number | null
  /** Exact decimal USD; null: unpriced. */
  readonly cost: string | null
  /** JSON text. */
  readonly attributes: string | null
}

/** What became of one event of a request. */
export type Outcome = 'accepted' | 'duplicate' | 'quota_exceeded'

/** Hard limits of the current period: only tenants whose plan stops have them. Amounts have scale 12. */
export interface HardLimits {
  readonly periodStart: Temporal.Instant
  /** When the plan that stops began in this period: what came before is counted anew, it may have been on one that does not. */
  readonly since: Temporal.Instant
  readonly periodEnd: Temporal.Instant
  readonly included: { readonly api_calls?: bigint; readonly compute_hours?: bigint; readonly storage_gb?: bigint }
}
