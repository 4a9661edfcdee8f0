import { Type } from 'typebox'
import { pageOf } from '../../platform/http/page.ts'
import { routesOf } from '../../platform/http/route.ts'
import { Instant, Name, PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import type { InvoiceService } from './service.ts'
import type { TaxRate } from './tax-store.ts'

const route = routesOf<{ invoices: InvoiceService }>()
const tag = 'Invoices'
const Percent = Type.String({ pattern: '^[0-9]{1,3}(\\.[0-9]{1,6})?$', description: 'Percent', examples: ['19', '8.875'] })
const Tenant = Type.String({ minLength: 1, maxLength: 64 })

const TaxRateReply = Strict({ tenant_id: Type.String(), percent: Percent, name: Name, created_at: Instant, updated_at: Instant })

const toReply = ({ tenantId, percent, name, createdAt, updatedAt }: TaxRate) => ({
  tenant_id: tenantId,
  percent,
  name,
  created_at: createdAt.toString(),
  updated_at: updatedAt.toString(),
})

export const taxRoutes = [
  route.write({
    method: 'POST',
    path: '/tax-rates',
    id: 'setTaxRate',
    tag,
    access: 'operator',
    scope: 'invoices:write',
    tenant: 'body.tenant_id',
    summary: "Set a tenant's tax rate",
    description: 'One rate a tenant; it holds for invoices made from now on.',
    body: Strict({ tenant_id: Tenant, percent: Percent, name: Name }),
    reply: TaxRateReply,
    errors: { tenant_not_found: 'no such tenant' },
    handle: async ({ tx, body }, { invoices }) => toReply(await invoices.setTaxRate(tx, body.tenant_id, body.percent, body.name)),
  }),
  route.read({
    method: 'GET',
    path: '/tax-rates',
    id: 'listTaxRates',
    tag,
    access: 'operator',
    scope: 'invoices:read',
    summary: 'List tax rates, newest first',
    query: Strict(PageQuery),
    reply: PageOf(TaxRateReply),
    handle: async ({ tx, query }, { invoices }) => {
      const { data, nextCursor } = await pageOf(
        query,
        (page) => invoices.taxRates(tx, page),
        ({ createdAt, tenantId }) => ({ at: createdAt, id: tenantId }),
      )
      return { data: data.map(toReply), next_cursor: nextCursor }
    },
  }),
]
