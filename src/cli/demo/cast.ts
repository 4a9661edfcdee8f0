import type { Profile } from './traffic.ts'

/** A tenant of the demo: what it is, what it buys and what it does in a month. */
export interface Role extends Profile {
  readonly name: string
  readonly type: string
  readonly plan: string
  readonly isolation: 'SHARED' | 'SCHEMA' | 'DATABASE' | 'CLUSTER'
  /** Of the calls of a real trace, in percent. */
  readonly traceShare: number
  readonly owner: { readonly email: string; readonly name: string }
}

const of = (provider: string, model: string, weight: number) => ({ provider, model, weight })

/** One tenant on each level and tier; together 28,040 calls. Free is a little too busy, Starter well beyond what it includes. */
export const CAST: readonly Role[] = [
  {
    slug: 'fern-notes',
    name: 'Fern Notes',
    type: 'INDIVIDUAL',
    plan: 'free',
    isolation: 'SHARED',
    owner: { email: 'fern@fern-notes.example', name: 'Fern Aldous' },
    calls: 1_040,
    traceShare: 6,
    workload: 'conversation',
    models: [of('openai', 'gpt-3.5-turbo', 7), of('anthropic', 'claude-3-haiku', 3)],
    computeHours: 6,
    storageGb: 0.5,
  },
  {
    slug: 'otter-support',
    name: 'Otter Support',
    type: 'SMALL_BUSINESS',
    plan: 'starter',
    isolation: 'SCHEMA',
    owner: { email: 'ops@otter.example', name: 'Olu Otter' },
    calls: 12_500,
    traceShare: 56,
    workload: 'conversation',
    models: [of('openai', 'gpt-3.5-turbo', 6), of('anthropic', 'claude-3-haiku', 3), of('cohere', 'command', 1)],
    computeHours: 118.5,
    storageGb: 24,
  },
  {
    slug: 'heron-code',
    name: 'Heron Code',
    type: 'SMALL_BUSINESS',
    plan: 'pro',
    isolation: 'DATABASE',
    owner: { email: 'team@heron.example', name: 'Hana Heron' },
    calls: 9_000,
    traceShare: 24,
    workload: 'code',
    models: [of('anthropic', 'claude-3-sonnet', 8), of('anthropic', 'claude-3-haiku', 2)],
    computeHours: 212,
    storageGb: 60,
  },
  {
    slug: 'atlas-bank',
    name: 'Atlas Bank',
    type: 'ENTERPRISE',
    plan: 'business',
    isolation: 'CLUSTER',
    owner: { email: 'ai@atlas.example', name: 'Ada Atlas' },
    calls: 5_500,
    traceShare: 14,
    workload: 'code',
    models: [
      of('openai', 'gpt-4-turbo', 5),
      of('openai', 'gpt-4', 2),
      of('openai', 'gpt-4-32k', 1),
      of('anthropic', 'claude-3-opus', 2),
    ],
    computeHours: 640,
    storageGb: 300,
  },
]
