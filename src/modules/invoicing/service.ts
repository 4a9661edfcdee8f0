import type { ControlTx } from '../../platform/db/database.ts'
import { notFound } from '../../platform/errors.ts'
import { findTenant } from '../tenants/index.ts'
import type { InvoicingDeps } from './deps.ts'
import { generateInvoices } from './generate-invoices.ts'
import type { Invoice, WholeInvoice } from './invoice.ts'
import { previewInvoice } from './preview-invoice.ts'
import { findInvoice, type InvoiceFilter, linesOf, listInvoices } from './store.ts'
import { listTaxRates, saveTaxRate, type TaxRate } from './tax-store.ts'
import { invoiceNotFound, voidInvoice } from './void-invoice.ts'

export type InvoiceService = ReturnType<typeof invoiceService>

export const invoiceService = (deps: InvoicingDeps) => ({
  /** Throws 404 `tenant_not_found`. */
  async setTaxRate(tx: ControlTx, tenantId: string, percent: string, name: string): Promise<TaxRate> {
    if (!(await findTenant(tx, tenantId))) throw notFound('tenant_not_found', `tenant ${tenantId} does not exist`)
    const now = deps.clock.now()
    return saveTaxRate(tx, { tenantId, percent, name, createdAt: now, updatedAt: now })
  },
  taxRates: listTaxRates,
  generate: generateInvoices(deps),
  preview: previewInvoice(deps),
  void: voidInvoice(deps),
  list: (tx: ControlTx, filter: InvoiceFilter): Promise<Invoice[]> => listInvoices(tx, filter),
  /** Throws 404 `invoice_not_found`. */
  async get(tx: ControlTx, id: string): Promise<WholeInvoice> {
    const invoice = await findInvoice(tx, id)
    if (!invoice) throw invoiceNotFound(id)
    return { invoice, lines: (await linesOf(tx, [id])).get(id) ?? [] }
  },
})
