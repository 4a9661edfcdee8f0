import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor, pageLimit } from './page.ts'

test('a cursor gives back its parts and is safe in a URL', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }), (parts) => {
      const cursor = encodeCursor(parts)
      expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/)
      expect(decodeCursor(cursor, parts.length)).toEqual(parts)
      expect(decodeCursor(cursor, parts.length + 1)).toBeUndefined()
    }),
  )
})

test.each([
  '',
  'x',
  '!!!',
  'bnVsbA',
  Buffer.from('[1]').toString('base64url'),
  Buffer.from('{"length":1}').toString('base64url'),
  'WyJhIl0=',
  ' WyJhIl0',
])('%j is no cursor', (text) => {
  expect(decodeCursor(text, 1)).toBeUndefined()
})

test('a changed cursor is another cursor or none, never an error', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(20), fc.string({ minLength: 1, maxLength: 1 }), (part, at, char) => {
      const cursor = encodeCursor([part, 'id'])
      const changed = cursor.slice(0, at) + char + cursor.slice(at + 1)
      const parts = decodeCursor(changed, 2)
      if (parts) expect(encodeCursor(parts)).toBe(changed)
    }),
  )
})

test.each([
  [undefined, 50],
  [Number.NaN, 50],
  [0, 1],
  [-3, 1],
  [7.9, 7],
  [200, 200],
  [1e9, 200],
])('a limit of %s gives %i rows', (asked, rows) => {
  expect(pageLimit(asked)).toBe(rows)
})
