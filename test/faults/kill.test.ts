import { expect, test } from 'vitest'
import { runCareless, runRounds } from './rounds.ts'
import { openStand } from './stand.ts'

test('kill -9 of the server and of PostgreSQL in mid-load, ten times: nothing acknowledged is lost or doubled, nothing half done', async () => {
  const stand = await openStand()
  try {
    const { books, ...outcome } = await runRounds({ stand, rounds: 10, seed: 20_260_731 })
    expect(outcome).toEqual({ lost: [], doubled: [], contradictions: [], rounds: 10 })
    for (const { acknowledged } of Object.values(books)) expect(acknowledged.size).toBeGreaterThan(0)
  } finally {
    await stand.close()
  }
}, 180_000)

test('the control: with synchronous_commit off the same test sees loss', async () => {
  const { lost } = await runCareless({ rounds: 6, seed: 1 })
  expect(lost.length).toBeGreaterThan(0)
}, 120_000)
