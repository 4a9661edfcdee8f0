import type { LimitTerms } from '../../src/modules/ratelimits/limit.ts'

/** Of a limit by tenant that enforces and is closed without its counts: one a minute, unless told. */
export const limitTerms = (told: Partial<LimitTerms> = {}): LimitTerms => ({
  name: 'calls',
  scopes: ['PER_TENANT'],
  policy: { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 60_000 },
  adaptive: null,
  overrides: [],
  endpoints: [],
  resources: [],
  schedule: [],
  reserved: [],
  priority: 0,
  mode: 'enforce',
  onUnavailable: 'closed',
  leased: false,
  ...told,
})
