import { Type } from 'typebox'
import { formatAmount } from '../../lib/money.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { notFound } from '../../platform/errors.ts'
import { pageOf } from '../../platform/http/page.ts'
import { routesOf } from '../../platform/http/route.ts'
import { Amount, CurrencyCode, Instant, Nullable, PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import { payInvoice } from './pay-invoice.ts'
import { type Payment, STATUSES } from './payment.ts'
import type { PaymentDeps } from './settle-payment.ts'
import { findPayment, listPayments } from './store.ts'

export type PaymentService = ReturnType<typeof paymentService>

export const paymentService = (deps: PaymentDeps) => ({
  pay: payInvoice(deps),
  list: (tx: ControlTx, filter: Parameters<typeof listPayments>[1]) => listPayments(tx, filter),
  /** Throws 404 `payment_not_found`. */
  async get(tx: ControlTx, id: string): Promise<Payment> {
    const payment = await findPayment(tx, id)
    if (!payment) throw notFound('payment_not_found', `payment ${id} does not exist`)
    return payment
  },
})

const route = routesOf<{ payments: PaymentService }>()
const tag = 'Payments'
const Id = Type.String({ minLength: 1, maxLength: 64 })

const PaymentReply = Strict({
  id: Type.String(),
  tenant_id: Type.String(),
  invoice_id: Type.String(),
  status: Type.Enum(STATUSES),
  amount: Amount,
  currency: CurrencyCode,
  gateway: Type.String(),
  gateway_reference: Nullable(Type.String()),
  failure_code: Nullable(
    Type.String({
      description: "The gateway's; or not_received: it never heard of the charge; action_expired: the payer did not confirm",
    }),
  ),
  action_url: Nullable(Type.String({ description: 'Where the payer confirms, while the status is requires_action' })),
  created_at: Instant,
  updated_at: Instant,
})

const toReply = (payment: Payment) => ({
  id: payment.id,
  tenant_id: payment.tenantId,
  invoice_id: payment.invoiceId,
  status: payment.status,
  amount: formatAmount(payment.amount, payment.currency),
  currency: payment.currency,
  gateway: payment.gateway,
  gateway_reference: payment.gatewayReference,
  failure_code: payment.failureCode,
  action_url: payment.actionUrl,
  created_at: payment.createdAt.toString(),
  updated_at: payment.updatedAt.toString(),
})

export const paymentRoutes = [
  route.steps({
    method: 'POST',
    path: '/invoices/{id}/pay',
    id: 'payInvoice',
    tag,
    access: 'both',
    scope: 'payments:write',
    summary: 'Pay an open invoice',
    description:
      'Through the gateway, with one of its tokens. 202 with the status `processing`: the gateway has not answered yet, and whether it took the money is known within two minutes: read `/payments/{id}`. With `requires_action` the payer confirms at `action_url` within 24 hours; left alone, the payment fails with `action_expired` and the invoice can be paid anew. The sandbox knows tok_success, tok_decline, tok_timeout (the answer is lost, the charge is not), tok_lost (neither arrives), tok_requires_action and tok_action_done.',
    params: Strict({ id: Id }),
    body: Strict({ payment_method: Type.String({ minLength: 1, maxLength: 200, examples: ['tok_success'] }) }),
    reply: PaymentReply,
    underWay: ({ status }) => status === 'processing',
    errors: {
      invoice_not_found: 'no such invoice',
      invoice_already_paid: 'it is paid',
      invoice_not_payable: 'it is not open',
      payment_under_way: 'a payment with another payment method has no answer yet',
      payment_method_invalid: 'the gateway knows no such token',
      payment_declined: 'the gateway refused; failure_code says why',
    },
    handle: async ({ tenantId, params, body }, { payments }) =>
      toReply(await payments.pay(tenantId, params.id, body.payment_method)),
  }),
  route.read({
    method: 'GET',
    path: '/payments/{id}',
    id: 'getPayment',
    tag,
    access: 'both',
    scope: 'invoices:read',
    summary: 'Read a payment',
    params: Strict({ id: Id }),
    reply: PaymentReply,
    errors: { payment_not_found: 'no such payment' },
    handle: async ({ tx, params }, { payments }) => toReply(await payments.get(tx, params.id)),
  }),
  route.read({
    method: 'GET',
    path: '/payments',
    id: 'listPayments',
    tag,
    access: 'both',
    scope: 'invoices:read',
    tenant: 'query.tenant_id',
    summary: 'List payments, newest first',
    query: Strict({ ...PageQuery, tenant_id: Type.Optional(Id), invoice_id: Type.Optional(Id) }),
    reply: PageOf(PaymentReply),
    handle: async ({ tx, tenantId, query }, { payments }) => {
      const { data, nextCursor } = await pageOf(
        query,
        (page) => payments.list(tx, { tenantId, invoiceId: query.invoice_id, ...page }),
        ({ createdAt, id }) => ({ at: createdAt, id }),
      )
      return { data: data.map(toReply), next_cursor: nextCursor }
    },
  }),
]
