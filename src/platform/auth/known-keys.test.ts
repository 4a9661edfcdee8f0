import { expect, onTestFinished, test, vi } from 'vitest'
import { unavailable } from '../errors.ts'
import { hashKey } from './key-format.ts'
import type { KeyRow } from './key-rows.ts'
import { knownKeys } from './known-keys.ts'

const rowOf = (name: string): KeyRow => ({
  id: `key_${name}`,
  tenant_id: 'tnt_1',
  hash: hashKey(name),
  scopes: [],
  expires_at: null,
  revoked_at: null,
  tenant_status: 'active',
})
const turn = () => new Promise((resolve) => setImmediate(resolve))
const made = (count: number, prefix = 'made up ') => Array.from({ length: count }, (_, i) => hashKey(`${prefix}${i}`))

/** Keys over a table that counts its queries, by how many hashes they ask for, and answers when told. */
const bench = (...names: readonly string[]) => {
  const stored = new Map(names.map((name) => [hashKey(name).toString('latin1'), rowOf(name)]))
  const queries: number[] = []
  const held: (() => void)[] = []
  let at = 0
  const b = {
    holds: false,
    away: false,
    queries,
    pass: (milliseconds: number) => {
      at += milliseconds
    },
    store: (name: string) => stored.set(hashKey(name).toString('latin1'), rowOf(name)),
    remove: (name: string) => stored.delete(hashKey(name).toString('latin1')),
    answer: () => held.shift()?.(),
  }
  const keys = knownKeys(
    async (hashes) => {
      queries.push(hashes.length)
      if (b.holds) await new Promise<void>((resolve) => held.push(resolve))
      if (b.away) throw unavailable('database_unavailable', 'away')
      return hashes.flatMap((hash) => stored.get(hash.toString('latin1')) ?? [])
    },
    () => at,
  )
  return { ...b, keys, of: b }
}

test('whatever strangers make up, one query at a time asks for all of it, and each is told of its own', async () => {
  const { keys, queries } = bench('till')
  const asked = [...made(300), hashKey('till'), ...made(300)].map(keys.find)
  const found = await Promise.all(asked)
  expect(queries).toEqual([1, 300]) // each hash once: the second three hundred are the first
  expect(found.flatMap((known) => known?.row.id ?? [])).toEqual(['key_till'])
})

test('of more unknown keys than five hundred that wait, the rest is asked to come again', async () => {
  const { keys, of, queries, answer } = bench('till')
  of.holds = true
  const all = Promise.allSettled(made(502).map(keys.find))
  of.holds = false
  answer()
  const lost = (await all).filter(({ status }) => status === 'rejected')
  expect(lost).toMatchObject([{ reason: { kind: 'unavailable', code: 'database_busy' } }])
  expect(queries).toEqual([1, 500])
})

test('a key of ours that is looked at anew does not wait behind those that nobody has', async () => {
  const { keys, of, pass, answer } = bench('till')
  await keys.find(hashKey('till'))
  pass(60_000)
  expect(keys.recent(hashKey('till'))).toBeUndefined()
  expect(keys.remembered(hashKey('till'))?.row.id).toBe('key_till')
  of.holds = true
  const strangers = Promise.all(made(100).map(keys.find))
  of.holds = false
  expect((await keys.find(hashKey('till')))?.row.id).toBe('key_till')
  answer()
  expect(await strangers).toEqual(made(100).map(() => undefined))
})

test('a query that hangs holds up no key of ours for longer than half a second, and two that hang start no third', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const names = ['till', 'shop', 'desk', 'van']
  const { keys, of, pass, queries, answer } = bench(...names)
  await Promise.all(names.map((name) => keys.find(hashKey(name))))
  pass(60_000)
  queries.length = 0
  const idOf = async (name: string) => (await keys.find(hashKey(name)))?.row.id
  of.holds = true
  const till = idOf('till')
  const shop = idOf('shop')
  vi.advanceTimersByTime(499)
  expect(queries).toEqual([1])
  of.holds = false
  vi.advanceTimersByTime(1)
  // The one that hangs is asked again too.
  expect(await Promise.all([till, shop, idOf('desk')])).toEqual(['key_till', 'key_shop', 'key_desk'])
  expect(queries).toEqual([1, 2, 1])
  of.holds = true
  const van = idOf('van')
  pass(60_000)
  const again = idOf('desk')
  vi.advanceTimersByTime(10_000)
  expect(queries).toEqual([1, 2, 1, 1])
  of.holds = false
  answer()
  expect(await again).toBe('key_desk')
  answer()
  expect(await van).toBe('key_van')
  expect(queries).toEqual([1, 2, 1, 1, 1])
})

test('a key in use is looked at behind its back: it is known at every moment, and what became of it within a second', async () => {
  const { keys, pass, remove, queries } = bench('till')
  await keys.find(hashKey('till'))
  for (let calls = 0; calls < 100; calls += 1) {
    pass(100)
    expect(keys.recent(hashKey('till'))?.row.id).toBe('key_till')
    await turn()
  }
  // 10 s: one each 500 ms, the first call after 450.
  expect(queries).toHaveLength(1 + 20)
  remove('till')
  for (let ms = 0; ms < 900; ms += 100) {
    pass(100)
    keys.recent(hashKey('till'))
    await turn()
  }
  expect([keys.recent(hashKey('till')), keys.remembered(hashKey('till'))]).toEqual([undefined, undefined])
})

test('many who ask for one key at once ask once', async () => {
  const { keys, queries } = bench('till')
  const found = await Promise.all(Array.from({ length: 50 }, () => keys.find(hashKey('till'))))
  expect(new Set(found.map((known) => known?.row.id))).toEqual(new Set(['key_till']))
  expect(queries).toEqual([1])
})

test('that a key does not exist holds 900 ms and no longer, and costs one query', async () => {
  const { keys, pass, store, queries } = bench()
  const find = async () => (await keys.find(hashKey('new')))?.row.id
  expect(await find()).toBeUndefined()
  store('new')
  pass(899)
  expect([await find(), queries.length]).toEqual([undefined, 1])
  pass(1)
  expect([await find(), queries.length]).toEqual(['key_new', 2])
})

test('ten thousand keys that are made up push out none of ours', async () => {
  const { keys, queries } = bench('till')
  await keys.find(hashKey('till'))
  for (let i = 0; i < 40; i += 1) await Promise.all(made(300, `${i} `).map(keys.find))
  const before = queries.length
  expect(keys.recent(hashKey('till'))?.row.id).toBe('key_till')
  expect(queries).toHaveLength(before)
})

test('an outage is told to who must wait for the answer, and is not remembered; what is known holds until its time is over', async () => {
  const { keys, of, pass } = bench('till', 'other')
  await keys.find(hashKey('till'))
  of.away = true
  await expect(keys.find(hashKey('other'))).rejects.toMatchObject({ code: 'database_unavailable' })
  pass(899)
  expect(keys.recent(hashKey('till'))?.row.id).toBe('key_till')
  await turn()
  pass(1)
  expect(keys.recent(hashKey('till'))).toBeUndefined()
  await expect(keys.find(hashKey('till'))).rejects.toMatchObject({ code: 'database_unavailable' })
  of.away = false
  expect((await Promise.all([keys.find(hashKey('till')), keys.find(hashKey('other'))])).map((known) => known?.row.id)).toEqual([
    'key_till',
    'key_other',
  ])
})
