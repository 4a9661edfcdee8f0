import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** `cog_op_…` is an operator's key, `cog_tn_…` a tenant's: whoever finds one in a log knows what it is, and scanners match it. */
export type KeyClass = 'op' | 'tn'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SECRET_LENGTH = 32 // × log2(62) = 190 bits
const CHECKSUM_LENGTH = 6 // 62^6 > 2^32
const SHAPE = /^cog_(op|tn)_[0-9A-Za-z]{38}$/
const ANYWHERE = /cog_(?:op|tn)_[0-9A-Za-z]{8,}/g

const randomText = (length: number): string => {
  let text = ''
  while (text.length < length) {
    // 248 = 4 × 62: bytes above would favour the first characters.
    for (const byte of randomBytes(length * 2)) if (byte < 248 && text.length < length) text += ALPHABET[byte % 62]
  }
  return text
}

const checksumOf = (text: string): string => {
  let rest = crc32(text)
  let out = ''
  for (let i = 0; i < CHECKSUM_LENGTH; i += 1) {
    out = ALPHABET[rest % 62] + out
    rest = Math.floor(rest / 62)
  }
  return out
}

/** A new key: prefix, 32 random characters, six of CRC-32 over what precedes. Shown once; only its hash is kept. */
export const newKey = (kind: KeyClass): string => {
  const body = `cog_${kind}_${randomText(SECRET_LENGTH)}`
  return body + checksumOf(body)
}

/** The class of a well-formed key; undefined for anything else: a typing error is told without asking the database. */
export const keyClassOf = (key: string): KeyClass | undefined => {
  if (!SHAPE.test(key)) return undefined
  const body = key.slice(0, -CHECKSUM_LENGTH)
  if (checksumOf(body) !== key.slice(-CHECKSUM_LENGTH)) return undefined
  return key.startsWith('cog_op_') ? 'op' : 'tn'
}

/** SHA-256 of the whole key: with 190 random bits nothing slower is needed. */
export const hashKey = (key: string): Buffer => hash('sha256', key, 'buffer')

/** A text that is to be kept or shown, without the keys that somebody put into it. The plain search comes first: nearly all hold none. */
export const withoutKeys = (text: string): string => (text.includes('cog_') ? text.replace(ANYWHERE, '[key]') : text)

/** What lists and logs may show of a key. */
export const visiblePrefix = (key: string): string => key.slice(0, 11)
