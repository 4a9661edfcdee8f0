import type { ControlTx } from '../../platform/db/database.ts'
import type { InvoicingDeps } from './deps.ts'
import { generateInvoices } from './generate-invoices.ts'
import type { Invoice, Line } from './invoice.ts'
import { previewInvoice } from './preview-invoice.ts'
import { findInvoice, type InvoiceFilter, linesOf, listInvoices } from './store.ts'
import { invoiceNotFound, voidInvoice } from './void-invoice.ts'

export type InvoiceService = ReturnType<typeof invoiceService>

export const invoiceService = (deps: InvoicingDeps) => ({
  generate: generateInvoices(deps),
  preview: previewInvoice(deps),
  void: voidInvoice(deps),
  list: (tx: ControlTx, filter: InvoiceFilter): Promise<Invoice[]> => listInvoices(tx, filter),
  /** Throws 404 `invoice_not_found`. */
  async get(tx: ControlTx, id: string): Promise<{ invoice: Invoice; lines: readonly Line[] }> {
    const invoice = await findInvoice(tx, id)
    if (!invoice) throw invoiceNotFound(id)
    return { invoice, lines: (await linesOf(tx, [id])).get(id) ?? [] }
  },
})
