import { describe, expect, test } from 'vitest'
import { hasher } from './hash.ts'

const SEEDS = [0, 1, 0x7fffffff, 0x9e3779b1, 0xfffffff0]

/** Every string of `count` blocks, of which each is one of two. */
const strings = (blocks: readonly [string, string], count: number): readonly string[] =>
  Array.from({ length: 2 ** count }, (_, bits) => Array.from({ length: count }, (_, i) => blocks[(bits >> i) & 1]).join(''))

describe.each(SEEDS)('under the seed %i', (seed) => {
  const hash = hasher(seed)

  // In a hash that takes in 32 bits a step, the top bit of one character passes a multiplication by any odd number alone, and comes out where
  // the next characters can undo it: all 4,096 strings of these blocks were one hash, whatever the seed.
  test.each<[string, readonly [string, string]]>([
    ['a step', ['\0\0\0\0', '\0\u8000\0\u8001']],
    ['two steps of one chain', ['\0\0\0\0', '\u8000\0\u8001\0']],
    ['one character', ['a', 'b']],
  ])('strings made to collide by %s do not', (_, blocks) => {
    const hashes = new Set(strings(blocks, 12).map(hash))
    // Of 4,096 at random two collide in one run of five hundred.
    expect(hashes.size).toBeGreaterThanOrEqual(4_094)
  })

  test('a string and one with a zero after it, or none at all, are told apart', () => {
    const hashes = ['', '\0', '\0\0', '\0\0\0', 'a', 'a\0', 'a\0\0'].map(hash)
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  test('100,000 names in a row spread over an index as random ones would', () => {
    const places = new Int32Array(2 ** 17)
    for (let i = 0; i < 100_000; i += 1) {
      const place = hash(`user-${i}`) & (places.length - 1)
      places[place] = (places[place] ?? 0) + 1
    }
    // At random 2^17 × e^(-100,000 / 2^17) = 61,116 stay empty, give or take 155.
    const empty = places.filter((count) => count === 0).length
    expect(Math.abs(empty - 61_116)).toBeLessThan(1_000)
  })
})
