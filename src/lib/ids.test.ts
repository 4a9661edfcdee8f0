import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { fromString, TypeID } from 'typeid-js'
import { expect, test } from 'vitest'
import { isId, PREFIX, seededIds, systemIds } from './ids.ts'

const ids = () => systemIds(Date.now, randomBytes)

test('an id is a valid TypeID of a UUIDv7 that carries the time', () => {
  const source = systemIds(() => 1_645_557_742_000, randomBytes) // RFC 9562 appendix A.6: 017F22E2-79B0-7…
  for (const prefix of Object.values(PREFIX)) {
    const id = fromString(source.next(prefix), prefix)
    expect(TypeID.fromString(id).toUUID()).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
})

test('the bits are laid out as the UUIDv7 of RFC 9562 appendix A.6 when random says so', () => {
  // rand_a 0x0cc is the count, rand_b 01 and 18c4dc0c0c07398f without its first two bits
  const bytes = [0x00, 0xcc, 0x01, ...drawsOf('18c4dc0c0c07398f')]
  const source = systemIds(
    () => 1_645_557_742_000,
    (n) => Uint8Array.from({ length: n }, (_, index) => bytes[index] ?? 0),
  )
  const id = source.next('evt')
  expect(TypeID.fromString(id).toUUID()).toBe('017f22e2-79b0-70cc-98c4-dc0c0c07398f')
})

/** The last 60 bits as the draws of ten bits, two bytes each, that give them. */
function drawsOf(hex: string): number[] {
  const bits = BigInt(`0x${hex}`)
  return Array.from({ length: 6 }, (_, index) => Number((bits >> BigInt(50 - 10 * index)) & 1023n)).flatMap((pair) => [
    pair >> 8,
    pair & 255,
  ])
}

test('ids ascend and never repeat, also 200,000 in a burst, with the clock standing still or going back', () => {
  let now = 1_800_000_000_000
  const source = systemIds(() => now, randomBytes)
  let last = ''
  for (let count = 0; count < 200_000; count += 1) {
    if (count % 1000 === 999) now += count % 7000 === 6999 ? -5 : 1
    const id = source.next('evt')
    if (!(id > last)) expect.fail(`${id} does not follow ${last}`)
    last = id
  }
})

test('a clock set back an hour does not push the ids ahead of the hour it had reached', () => {
  let now = 1_800_000_000_000
  const source = systemIds(() => now, randomBytes)
  const before = source.next('evt')
  now -= 3_600_000
  const after = Array.from({ length: 3000 }, () => source.next('evt'))
  expect(new Set(after.map((id) => id.slice(0, 14)))).toEqual(new Set([before.slice(0, 14)]))
})

test('the random part differs between ids of one millisecond', () => {
  const source = systemIds(() => 1_800_000_000_000, randomBytes)
  const tails = Array.from({ length: 1000 }, () => source.next('evt').slice(-12))
  expect(new Set(tails).size).toBe(1000)
})

test('an id is told from the id of another kind and from any other text', () => {
  const id = ids().next('inv')
  expect(isId('inv', id)).toBe(true)
  const wrong = [
    id.replace('inv', 'il'),
    id.toUpperCase(),
    `${id}0`,
    id.slice(0, -1),
    `${id}\n`,
    'inv_',
    '',
    'inv_8zzzzzzzzzzzzzzzzzzzzzzzzz',
    `${id.slice(0, -1)}u`,
  ]
  for (const text of wrong) expect(isId('inv', text)).toBe(false)
  fc.assert(fc.property(fc.string(), (text) => !isId('inv', text)))
})

test('no kind shares its prefix with another', () => {
  expect(new Set(Object.values(PREFIX)).size).toBe(Object.keys(PREFIX).length)
})

test('a seed gives the same ids each time and another seed gives others', () => {
  const take = (seed: number): string[] => {
    const source = seededIds(seed)
    return Array.from({ length: 5000 }, () => source.next('evt'))
  }
  expect(take(7)).toEqual(take(7))
  expect(new Set([...take(7), ...take(8)]).size).toBe(10_000)
})
