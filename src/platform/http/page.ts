import { decodeCursor, encodeCursor, pageLimit } from '../../lib/page.ts'
import { invalid } from '../errors.ts'

/** A place in a list that is ordered by time, then id. */
export interface Keyset {
  readonly at: Temporal.Instant
  readonly id: string
}

/** The place after which a page starts; undefined: from the beginning. Throws 400 `cursor_invalid` for a cursor that we did not make. */
const keysetOf = (cursor: string | undefined): Keyset | undefined => {
  if (cursor === undefined) return undefined
  const [at, id] = decodeCursor(cursor, 2) ?? []
  const instant = at === undefined ? undefined : instantOf(at)
  if (instant === undefined || id === undefined || id.includes('\0'))
    throw invalid(
      'cursor_invalid',
      'the cursor is not one of ours; send next_cursor of the page before, or none for the first page',
    )
  return { at: instant, id }
}

/** What RFC 3339 can write and PostgreSQL can hold. */
const EARLIEST = Temporal.Instant.from('0001-01-01T00:00:00Z')
const LATEST = Temporal.Instant.from('9999-12-31T23:59:59Z')
const isHeld = (at: Temporal.Instant): boolean =>
  Temporal.Instant.compare(at, EARLIEST) >= 0 && Temporal.Instant.compare(at, LATEST) <= 0

const instantOf = (text: string): Temporal.Instant | undefined => {
  try {
    const instant = Temporal.Instant.from(text)
    return isHeld(instant) ? instant : undefined
  } catch {
    return undefined
  }
}

/** One page: `load` is asked for a row more than the page holds, which tells whether there is another. */
export const pageOf = async <T>(
  { limit: asked, cursor }: { readonly limit?: number; readonly cursor?: string },
  load: (page: { limit: number; after: Keyset | undefined }) => Promise<readonly T[]>,
  placeOf: (row: T) => Keyset,
): Promise<{ data: readonly T[]; nextCursor: string | null }> => {
  const limit = pageLimit(asked)
  const rows = await load({ limit: limit + 1, after: keysetOf(cursor) })
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  if (rows.length <= limit || last === undefined) return { data, nextCursor: null }
  const { at, id } = placeOf(last)
  return { data, nextCursor: encodeCursor([at.toString(), id]) }
}
