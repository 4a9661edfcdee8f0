import { expect, test } from 'vitest'
import { keptFresh } from './kept-fresh.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Looks wait until they are answered, by `answer` with what is there or by `fail`. */
const stand = () => {
  const state = { at: 0, value: 'one', looks: 0, failed: 0 }
  const waiting: { resolve: (value: string) => void; reject: (error: Error) => void }[] = []
  const kept = keptFresh<string>({
    look: () => {
      state.looks += 1
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    failed: () => {
      state.failed += 1
    },
    monotonicMs: () => state.at,
  })
  const answer = async (value = state.value) => {
    for (const { resolve } of waiting.splice(0)) resolve(value)
    await turn()
  }
  return {
    state,
    kept,
    answer,
    async fail() {
      for (const { reject } of waiting.splice(0)) reject(new Error('away'))
      await turn()
    },
    async learn() {
      const told = kept.current()
      await answer()
      return told
    },
  }
}

test('all who ask at once for what nobody knows wait for one look', async () => {
  const { kept, answer, state } = stand()
  const told = [kept.current(), kept.current()]
  await answer()
  expect(await Promise.all(told)).toEqual(['one', 'one'])
  expect(state.looks).toBe(1)
})

test('while somebody asks nobody waits: it is looked at anew behind the answers', async () => {
  const { kept, answer, learn, state } = stand()
  await learn()
  Object.assign(state, { at: 499, value: 'two' })
  expect(kept.current()).toBe('one')
  expect(state.looks).toBe(1)
  state.at = 999
  expect(kept.current()).toBe('one')
  await answer()
  expect(kept.current()).toBe('two')
  expect(state.looks).toBe(2)
})

test('who comes after a second waits for a look', async () => {
  const { learn, state } = stand()
  await learn()
  Object.assign(state, { at: 1_000, value: 'two' })
  expect(await learn()).toBe('two')
})

test('a slow look is not waited for where something is known, and once it is known to be slow by nobody', async () => {
  const { kept, answer, learn, state } = stand()
  await learn()
  Object.assign(state, { at: 5_000, value: 'two' })
  expect(await kept.current(1)).toBe('one')
  expect(kept.current(1)).toBe('one')
  expect(state.looks).toBe(2)
  await answer()
  expect(kept.current()).toBe('two')
})

test('who must not be told anything old waits as long as it takes', async () => {
  const { kept, answer, learn, state } = stand()
  await learn()
  Object.assign(state, { at: 5_000, value: 'two' })
  const told = kept.current()
  await kept.current(1)
  await answer()
  expect(await told).toBe('two')
})

test('what is known holds while a look fails, of which is heard once, with two tries a second', async () => {
  const { kept, fail, learn, state } = stand()
  await learn()
  state.at = 1_000
  const told = [kept.current(), kept.current()]
  await fail()
  expect(await Promise.all(told)).toEqual(['one', 'one'])
  expect(state).toMatchObject({ looks: 2, failed: 1 })
  state.at = 1_499
  expect(kept.current()).toBe('one')
  expect(state.looks).toBe(2)
  state.at = 1_500
  expect(kept.current()).toBe('one')
  await fail()
  expect(state).toMatchObject({ looks: 3, failed: 2 })
})

test('what is not known fails, and is looked for again', async () => {
  const { kept, fail, learn, state } = stand()
  const told = kept.current()
  await Promise.all([expect(told).rejects.toThrow('away'), fail()])
  expect(await learn()).toBe('one')
  expect(state).toMatchObject({ looks: 2, failed: 0 })
})

test('a look that throws at once is no answer either', async () => {
  let isAway = true
  const kept = keptFresh<string>({
    look: () => {
      if (isAway) throw new Error('away')
      return Promise.resolve('one')
    },
  })
  await expect(kept.current()).rejects.toThrow('away')
  isAway = false
  expect(await kept.current()).toBe('one')
})

test('the latest is by a look that began after it was asked for', async () => {
  const { kept, answer, learn } = stand()
  await learn()
  const first = kept.latest()
  await turn()
  const second = kept.latest()
  await answer('before')
  expect(await first).toBe('before')
  await turn()
  await answer('after')
  expect(await second).toBe('after')
})
