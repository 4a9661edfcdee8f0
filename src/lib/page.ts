const DEFAULT_LIMIT = 50
const MAX_LIMIT = 200

/** How many rows a page has: 50 unless told, 1 to 200. */
export const pageLimit = (asked?: number): number =>
  asked === undefined || Number.isNaN(asked) ? DEFAULT_LIMIT : Math.min(MAX_LIMIT, Math.max(1, Math.trunc(asked)))

/** The sort key of a page's last row as an opaque text, safe in a URL: base64url of JSON. */
export const encodeCursor = (parts: readonly string[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')

/** The `n` parts of a cursor, or undefined for anything that encodeCursor did not make: the caller answers 400, never 500. */
export const decodeCursor = (cursor: string, n: number): string[] | undefined => {
  const parts = parseParts(Buffer.from(cursor, 'base64url').toString())
  // Buffer skips what is not base64url, so only a cursor that encodes back to itself is one.
  return parts?.length === n && encodeCursor(parts) === cursor ? parts : undefined
}

const parseParts = (json: string): string[] | undefined => {
  try {
    const value: unknown = JSON.parse(json)
    return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value : undefined
  } catch {
    return undefined
  }
}
