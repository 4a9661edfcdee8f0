import type { InSpan } from '../telemetry/tracing.ts'
import type { Database } from './database.ts'

const about = (plane: string, more: Readonly<Record<string, string>>) => ({
  'db.system.name': 'postgresql',
  'cognitionos.plane': plane,
  ...more,
})
const tenant = (id: string) => ({ 'cognitionos.tenant_id': id })
const because = (reason: string) => ({ 'cognitionos.reason': reason })

/** The same database with a span for each transaction, its wait for a connection included. */
export const tracedDatabase = (db: Database, inSpan: InSpan): Database => ({
  ...db,
  control: {
    inTenant: (id, work, options) =>
      inSpan('control transaction', about('control', tenant(id)), () => db.control.inTenant(id, work, options)),
    asOperator: (reason, work, options) =>
      inSpan('control transaction', about('control', because(reason)), () => db.control.asOperator(reason, work, options)),
  },
  plane: {
    ...db.plane,
    inTenant: (id, work, options) =>
      inSpan('tenant transaction', about('tenant', tenant(id)), () => db.plane.inTenant(id, work, options)),
    oneEach: (statements) => inSpan('shared tenant transaction', about('tenant', {}), () => db.plane.oneEach(statements)),
    asOperator: (reason, place, work) =>
      inSpan('tenant transaction', about('tenant', because(reason)), () => db.plane.asOperator(reason, place, work)),
  },
  lookup: (work) => inSpan('look-up', about('control', {}), () => db.lookup(work)),
})
