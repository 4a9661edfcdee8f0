import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import { packed } from './packed.ts'

test('has no byte that UTF-8 would write as two', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (whole) => {
      expect(Buffer.from(packed(whole), 'utf8')).toHaveLength(14)
    }),
  )
})

describeRedis('a packed number', () => {
  const { redis } = openRedis()
  const READ = "local low, high = struct.unpack('<I7I7', ARGV[1]) return string.format('%.0f', low + high + high)"

  test('is read as it was', async () => {
    const edges = [0, 1, 127, 128, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 52, Number.MAX_SAFE_INTEGER, 2 ** 53]
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.maxSafeNat(), fc.constantFrom(...edges)), async (whole) => {
        expect(await redis.eval(READ, 0, packed(whole))).toBe(String(whole))
      }),
      { numRuns: 300 },
    )
  })
})
