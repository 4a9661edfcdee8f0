import { Type } from 'typebox'
import { pageOf } from '../../platform/http/page.ts'
import { routesOf } from '../../platform/http/route.ts'
import { PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import { STATUSES } from './invoice.ts'
import { InvoiceReply, PreviewReply, toPreview, toReply, toWholeReply, WholeInvoiceReply } from './reply.ts'
import type { InvoiceService } from './service.ts'

const route = routesOf<{ invoices: InvoiceService }>()
const tag = 'Invoices'
const Id = Type.String({ minLength: 1, maxLength: 64 })
const Params = Strict({ id: Id })
const SubscriptionBody = Strict({ subscription_id: Id })

export const invoiceRoutes = [
  route.write({
    method: 'POST',
    path: '/invoices/generate',
    id: 'generateInvoices',
    tag,
    access: 'both',
    scope: 'invoices:write',
    summary: 'Bill what is due of a subscription now',
    description:
      'The worker does this by itself every minute. Repeated, or beside it, nothing is made twice: with `generated` 0 the invoice of the current period is answered, or the last there is.',
    body: SubscriptionBody,
    reply: Strict({ generated: Type.Integer(), invoices: Type.Array(WholeInvoiceReply) }),
    errors: { subscription_not_found: 'no such subscription' },
    handle: async ({ tx, body }, { invoices }) => {
      const { generated, invoices: list } = await invoices.generate(tx, body.subscription_id)
      return { generated, invoices: list.map(toWholeReply) }
    },
  }),
  route.write({
    method: 'POST',
    path: '/invoices/preview',
    id: 'previewInvoice',
    tag,
    access: 'both',
    scope: 'invoices:read',
    audit: false,
    summary: 'The invoice that would come if the period ended now',
    description: 'Decided by the function that makes the invoice; nothing is written.',
    body: SubscriptionBody,
    reply: PreviewReply,
    errors: { subscription_not_found: 'no such subscription' },
    handle: async ({ tx, body }, { invoices }) => toPreview(await invoices.preview(tx, body.subscription_id)),
  }),
  route.read({
    method: 'GET',
    path: '/invoices',
    id: 'listInvoices',
    tag,
    access: 'both',
    scope: 'invoices:read',
    tenant: 'query.tenant_id',
    summary: 'List invoices, newest first',
    query: Strict({
      ...PageQuery,
      tenant_id: Type.Optional(Id),
      status: Type.Optional(Type.Enum(STATUSES)),
      subscription_id: Type.Optional(Id),
      number: Type.Optional(
        Type.String({ minLength: 1, maxLength: 32, description: 'As printed on it', examples: ['INV-000001'] }),
      ),
    }),
    reply: PageOf(InvoiceReply),
    handle: async ({ tx, query }, { invoices }) => {
      const { data, nextCursor } = await pageOf(
        query,
        ({ limit, after }) => {
          const { status, number, subscription_id: subscriptionId } = query
          return invoices.list(tx, { status, number, subscriptionId, limit, after })
        },
        ({ createdAt, id }) => ({ at: createdAt, id }),
      )
      return { data: data.map(toReply), next_cursor: nextCursor }
    },
  }),
  route.read({
    method: 'GET',
    path: '/invoices/{id}',
    id: 'getInvoice',
    tag,
    access: 'both',
    scope: 'invoices:read',
    summary: 'Read an invoice with its lines',
    params: Params,
    reply: WholeInvoiceReply,
    errors: { invoice_not_found: 'no such invoice' },
    handle: async ({ tx, params }, { invoices }) => toWholeReply(await invoices.get(tx, params.id)),
  }),
  route.write({
    method: 'POST',
    path: '/invoices/{id}/void',
    id: 'voidInvoice',
    tag,
    access: 'operator',
    scope: 'invoices:write',
    summary: 'Void an open invoice',
    description: 'Its booking is reversed and the credit it used returns. What it billed can be billed anew with generate.',
    params: Params,
    body: Strict({ reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })) }),
    reply: InvoiceReply,
    errors: {
      invoice_not_found: 'no such invoice',
      invoice_not_voidable: 'it is not open',
      invoice_being_paid: 'a payment of it is under way',
    },
    handle: async ({ tx, params, body }, { invoices }) => toReply(await invoices.void(tx, params.id, body.reason ?? null)),
  }),
]
