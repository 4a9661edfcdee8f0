const INSTANT =
  /^([1-9]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(?:\.\d{1,9})?(?:[Zz]|([+-])(?:[01]\d|2[0-3]):[0-5]\d)$/
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

/**
 * An RFC 3339 instant, offsets included, of the years 1000 to 9999, to the nanosecond: all that it accepts, Temporal reads and PostgreSQL
 * stores. By hand because it runs for each event of a batch.
 */
export const isInstant = (text: string): boolean => {
  const match = INSTANT.exec(text)
  if (!match) return false
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (year === 9999 && match[6] === '-') return false // could be year 10000 in UTC
  return day <= (DAYS[month - 1] ?? 0) || (month === 2 && day === 29 && isLeap(year))
}
