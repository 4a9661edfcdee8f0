import { expect, test } from 'vitest'
import type { Place } from '../../platform/db/place.ts'
import { placeCache } from './place-cache.ts'

const place = (schema: string): Place => ({ isolation: 'SCHEMA', url: 'postgres://h/d', schema })

const subject = (answer: (id: string) => Promise<Place | undefined>, maxEntries = 10) => {
  const asked: string[] = []
  const time = { ms: 0 }
  const find = placeCache(
    (id) => {
      asked.push(id)
      return answer(id)
    },
    { ttlMs: 900, maxEntries, nowMs: () => time.ms },
  )
  return { find, asked, time }
}

test('an answer, also that there is none, holds for its time and no longer', async () => {
  const { find, asked, time } = subject(async (id) => (id === 'a' ? place('a') : undefined))
  expect([await find('a'), await find('x'), await find('a'), await find('x')]).toEqual([
    place('a'),
    undefined,
    place('a'),
    undefined,
  ])
  time.ms = 899
  await find('a')
  expect(asked).toEqual(['a', 'x'])
  time.ms = 900
  await find('a')
  expect(asked).toEqual(['a', 'x', 'a'])
})

test('a hundred who ask at once cause one look-up', async () => {
  const { find, asked } = subject(async () => place('a'))
  await Promise.all(Array.from({ length: 100 }, () => find('a')))
  expect(asked).toHaveLength(1)
})

test('the least recently used makes room', async () => {
  const { find, asked } = subject(async (id) => place(id), 2)
  for (const id of ['a', 'b', 'a', 'c', 'a', 'b']) await find(id)
  expect(asked).toEqual(['a', 'b', 'c', 'b'])
})

test('an outage is not remembered', async () => {
  let up = false
  const { find } = subject(async () => {
    if (!up) throw new Error('away')
    return place('a')
  })
  await expect(find('a')).rejects.toThrow('away')
  up = true
  expect(await find('a')).toEqual(place('a'))
})
