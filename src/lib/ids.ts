/** What each kind of id begins with. */
export const PREFIX = {
  tenant: 'tnt',
  user: 'usr',
  apiKey: 'key',
  plan: 'plan',
  planVersion: 'plv',
  subscription: 'sub',
  subscriptionPhase: 'sph',
  invoice: 'inv',
  invoiceLine: 'il',
  payment: 'pay',
  journal: 'jrn',
  event: 'evt',
  audit: 'aud',
  request: 'req',
  outbox: 'obx',
  modelPrice: 'mp',
  change: 'chg',
  cluster: 'cls',
  rateLimit: 'rl',
  server: 'srv',
  adjustment: 'adj',
} as const

export type Prefix = (typeof PREFIX)[keyof typeof PREFIX]

export interface IdSource {
  /** A new TypeID, greater than every one before it with the same prefix from this source. */
  next(prefix: Prefix): string
}

/** Crockford's, in lower case, as TypeID has it. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const PAIRS = Array.from({ length: 1024 }, (_, bits) => ALPHABET.charAt(bits >> 5) + ALPHABET.charAt(bits & 31))
const SUFFIX = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/

const COUNTER_BITS = 12
const VERSION_7 = 7 << COUNTER_BITS
/** Chars of the suffix that hold the 48-bit time: 50 bits, the first two zero. */
const TIME_CHARS = 10
const BYTES_PER_ID = 15
const IDS_PER_DRAW = 256

const encodeTime = (ms: number): string => {
  let text = ''
  for (let rest = ms; text.length < TIME_CHARS; rest = Math.floor(rest / 32)) text = ALPHABET.charAt(rest % 32) + text
  return text
}

/**
 * TypeIDs: prefix, '_', 26 chars of base32 of a UUIDv7. The 12 bits after the version count within the millisecond from a random start, the last 62
 * are random, so ids sort by creation yet cannot be guessed. A clock that stands still or goes back is not followed; a count that runs over borrows
 * the next millisecond. Source: RFC 9562, section 6.2, method 1; the TypeID specification 0.3. `random(n)` gives n random bytes.
 */
export const systemIds = (nowMs: () => number, random: (n: number) => Uint8Array): IdSource => {
  let lastMs = -1
  let time = ''
  let count = 0
  let pool: Uint8Array = new Uint8Array(0)
  let used = 0
  const byte = (): number => pool[used++] ?? 0
  const pair = (): number => (byte() << 8) | byte()

  const tick = (): void => {
    const now = Math.floor(nowMs())
    const full = count >= (1 << COUNTER_BITS) - 1
    if (now <= lastMs && !full) {
      count += 1
      return
    }
    lastMs = Math.max(now, lastMs + 1)
    time = encodeTime(lastMs)
    count = pair() & 0x3ff // the lower quarter: room for 3,000 more in this millisecond
  }

  return {
    next: (prefix) => {
      if (pool.length - used < BYTES_PER_ID) {
        pool = random(IDS_PER_DRAW * BYTES_PER_ID)
        used = 0
      }
      tick()
      // 20 bits: version, count, the variant '10' and two random ones.
      const head = ((VERSION_7 | count) << 4) | 0b1000 | (byte() & 3)
      let text = `${prefix}_${time}${PAIRS[head >> 10]}${PAIRS[head & 1023]}`
      for (let index = 0; index < 6; index += 1) text += PAIRS[pair() & 1023]
      return text
    },
  }
}

/** Whether `text` has the form of an id with this prefix; whether it exists is for the store to say. */
export const isId = (prefix: Prefix, text: string): boolean =>
  text.startsWith(`${prefix}_`) && SUFFIX.test(text.slice(prefix.length + 1))

/** The same ids for the same seed, for tests: time stands at 2026-01-01, bytes come from mulberry32. */
export const seededIds = (seed: number): IdSource => {
  let state = seed | 0
  const byte = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) & 255
  }
  return systemIds(
    () => 1_767_225_600_000,
    (n) => Uint8Array.from({ length: n }, byte),
  )
}
