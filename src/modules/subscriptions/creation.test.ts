import { expect, test } from 'vitest'
import { instant } from '../../../test/factories/subscription.ts'
import { startOf, toMicroseconds } from './creation.ts'

const now = instant('2026-04-16T10:00')

test('it begins now, or up to 366 days ago', () => {
  expect(startOf(undefined, now)).toBe(now)
  expect(startOf(instant('2025-04-15T10:00'), now)).toEqual(instant('2025-04-15T10:00'))
})

test.each(['2026-04-16T10:00:00.000001', '2025-04-15T09:59:59'])('a start at %s is refused', (at) => {
  expect(() => startOf(instant(at), now)).toThrow(expect.objectContaining({ kind: 'unprocessable', code: 'anchor_invalid' }))
})

test('instants are those that PostgreSQL can keep', () => {
  expect(toMicroseconds(instant('2026-04-16T10:00:00.123456789')).toString()).toBe('2026-04-16T10:00:00.123456Z')
})
