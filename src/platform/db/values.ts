import { type CustomTypesConfig, types } from 'pg'

const INT8 = 20
const TIMESTAMPTZ = 1184

/** '2026-11-24 08:33:37.123456+00' → Instant; PostgreSQL's text form with a numeric offset is ISO 8601 but for the space. */
const parseTimestamptz = (text: string): Temporal.Instant => Temporal.Instant.from(text.replace(' ', 'T'))

/** How PostgreSQL values become ours: int8 → bigint, timestamptz → Temporal.Instant, numeric stays an exact decimal string. */
export const valueTypes: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8) return BigInt
    if (oid === TIMESTAMPTZ) return parseTimestamptz
    return types.getTypeParser(oid, format)
  },
}
