import type { Ask } from '../decision.ts'

/** Beyond this the oldest is asked of the server again. */
const MOST = 10_000

const isAsk = (item: unknown): item is readonly [string, string] =>
  Array.isArray(item) && item.length === 2 && item.every((part) => typeof part === 'string')

/** Which limits and keys reservations are of: remembered where they were made, and written beside them for everybody else. */
export const reservedAsks = () => {
  const byId = new Map<string, readonly Ask[]>()
  return {
    find: (id: string): readonly Ask[] | undefined => byId.get(id),
    remember(id: string, asks: readonly Ask[]): void {
      const [oldest] = byId.keys()
      if (byId.size >= MOST && oldest !== undefined) byId.delete(oldest)
      byId.set(id, asks)
    },
    forget: (id: string): boolean => byId.delete(id),
    format: (asks: readonly Ask[]): string => JSON.stringify(asks.map(({ limit, key }) => [limit, key])),
    parse(text: string): readonly Ask[] {
      const parsed: unknown = JSON.parse(text)
      if (!Array.isArray(parsed) || !parsed.every(isAsk)) throw new TypeError('a reservation was written by another version')
      return parsed.map(([limit, key]) => ({ limit, key }))
    },
  }
}
