import { expect, test } from 'vitest'
import { refusalAllowance } from './refusal-allowance.ts'

test('an actor has a thousand at once and ten a second, the next tells what is left out, and another is not affected', () => {
  let at = 0
  const allowance = refusalAllowance(() => at)
  const write = (actor: string, times: number) =>
    Array.from({ length: times }, () => allowance.take(actor)).filter((unwritten) => unwritten !== undefined)
  expect(write('anonymous', 1_000_000)).toEqual(Array.from({ length: 1_000 }, () => 0))
  expect(write('key_1', 1)).toEqual([0])
  at += 2_000
  expect(write('anonymous', 1_000)).toEqual([999_000, ...Array.from({ length: 19 }, () => 0)])
  at += 3_600_000
  expect(write('anonymous', 2_000)).toEqual([980, ...Array.from({ length: 999 }, () => 0)])
})
