import { expect, test } from 'vitest'
import { seal, unseal } from './secretbox.ts'

const SECRET = 'a-secret-of-at-least-32-characters'

test('what was sealed opens with the same secret and context only', () => {
  const box = seal(SECRET, 'postgres://u:p@h/d', 'cluster 1')
  expect(unseal(SECRET, box, 'cluster 1')).toBe('postgres://u:p@h/d')
  expect(box.includes('postgres')).toBe(false)
  expect(() => unseal(`${SECRET}!`, box, 'cluster 1')).toThrow('COGNITIONOS_SECRET')
  expect(() => unseal(SECRET, box, 'cluster 2')).toThrow('COGNITIONOS_SECRET')
})

test('any changed byte, or a cut, is noticed', () => {
  const box = seal(SECRET, 'text', 'row')
  for (let i = 0; i < box.length; i += 1) {
    const changed = Buffer.from(box)
    changed[i] = (changed[i] ?? 0) ^ 1
    expect(() => unseal(SECRET, changed, 'row')).toThrow()
    expect(() => unseal(SECRET, box.subarray(0, i), 'row')).toThrow()
  }
})

test('the same text is sealed differently each time', () => {
  expect(seal(SECRET, 'text', 'row').equals(seal(SECRET, 'text', 'row'))).toBe(false)
})
