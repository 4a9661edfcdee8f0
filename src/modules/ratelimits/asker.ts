import { type Asker, NOBODY } from './askers.ts'
import type { LimitTerms, Subject } from './limit.ts'
import { isPerTenant } from './limit-key.ts'
import { hasher } from './limiter/memory/hash.ts'

interface Scoped {
  readonly id: string
  readonly current: Pick<LimitTerms, 'scopes'>
}

const namesWho = ({ current }: Scoped): boolean => isPerTenant(current) || current.scopes.includes('PER_IP')

/** Who asks of a limit. Its id is part of every hash: who does not know it cannot pick an address that is sure to be held. */
export const askerOf = (limit: Scoped, { tenantId }: Subject, key: string): Asker => {
  const bits = hasher(hasher(0)(limit.id))
  const hashed = (name: string): string => (bits(name) >>> 0).toString(16).padStart(8, '0')
  const own = hashed(key)
  if (!namesWho(limit)) return { party: NOBODY, key: own }
  return { party: tenantId === undefined ? own : hashed(`tenant ${tenantId}`), key: own }
}
