import type { Logger } from 'pino'
import type { Database } from '../../platform/db/database.ts'
import { keptFresh } from '../../platform/kept-fresh.ts'
import { allPrices, priceVersion } from './price-store.ts'
import { bundledCatalogue } from './pricing/catalogue.ts'
import { type PriceBook, priceBook } from './pricing/resolve.ts'

export interface PriceBooks {
  /**
   * At most a second old: a price set in one process holds in all others within it. A promise only where the book was not looked at since. Known prices
   * serve while the database is away; without any, nothing can be priced.
   */
  current(): PriceBook | Promise<PriceBook>
  /** As `current`, for who waits no longer than that where prices are known. */
  atHand(waitMs: number): PriceBook | Promise<PriceBook>
  /** With every price that was committed before the call. */
  latest(): Promise<PriceBook>
}

/** The price book in memory, looked after only while somebody asks. */
export const priceBooks = ({ db, log }: { readonly db: Pick<Database, 'lookup'>; readonly log: Logger }): PriceBooks => {
  let version = ''
  const books = keptFresh<PriceBook>({
    async look(known) {
      const catalogue = await bundledCatalogue()
      const found = await db.lookup(async (tx) => {
        const newest = await priceVersion(tx)
        return newest === version && known ? undefined : { newest, entries: await allPrices(tx) }
      })
      if (!found && known) return known
      const book = priceBook(found?.entries ?? [], catalogue)
      version = found?.newest ?? ''
      return book
    },
    failed: (error) => log.warn({ err: error }, 'the price book could not be refreshed'),
  })

  return {
    latest: books.latest,
    current: () => books.current(),
    atHand: books.current,
  }
}
