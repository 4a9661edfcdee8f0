import type { Logger } from 'pino'
import type { Database } from '../../platform/db/database.ts'
import { allPrices, priceVersion } from './price-store.ts'
import { bundledCatalogue } from './pricing/catalogue.ts'
import { type PriceBook, priceBook } from './pricing/resolve.ts'

/** A price set in one process holds in all others within this time. */
const LOOK_EVERY_MS = 1_000

export interface PriceBooks {
  /** A promise only where the book was not looked at within the last second. */
  current(): PriceBook | Promise<PriceBook>
  /** With every price that was committed before the call. */
  latest(): Promise<PriceBook>
}

/** The price book in memory, looked after at most once a second and only while somebody asks. */
export const priceBooks = ({ db, log }: { readonly db: Pick<Database, 'lookup'>; readonly log: Logger }): PriceBooks => {
  let book: PriceBook | undefined
  let version = ''
  let lookedAt = 0
  let looking: Promise<PriceBook> | undefined

  const look = async (): Promise<PriceBook> => {
    const catalogue = await bundledCatalogue()
    const found = await db.lookup(async (tx) => {
      const newest = await priceVersion(tx)
      return newest === version && book ? undefined : { newest, entries: await allPrices(tx) }
    })
    lookedAt = performance.now()
    if (!found && book) return book
    version = found?.newest ?? ''
    book = priceBook(found?.entries ?? [], catalogue)
    return book
  }

  const start = (): Promise<PriceBook> =>
    look().finally(() => {
      looking = undefined
    })

  return {
    async latest() {
      await looking?.catch(() => {}) // it may have begun before
      looking ??= start()
      return looking
    },
    current() {
      if (book && performance.now() - lookedAt < LOOK_EVERY_MS) return book
      looking ??= start()
      // Known prices serve while the database is away; without any, nothing can be priced.
      const known = book
      return known
        ? looking.catch((error: unknown) => {
            lookedAt = performance.now() // one try a second, not one an event
            log.warn({ err: error }, 'the price book could not be refreshed')
            return known
          })
        : looking
    },
  }
}
