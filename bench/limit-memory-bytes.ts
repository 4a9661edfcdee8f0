import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type PlainClaim, takeTurns } from './claim.ts'
import { KEYS } from './limit-keys.ts'

const MOST = 45
/** The index has doubled at 104,858 keys, and the rows have grown by a quarter at 102,783: hardly anywhere does a key take more. */
const JUST_GROWN = 105_000
const PEERS = ['express-rate-limit', 'bare Map with GCRA'] as const

/** Weighed in a process of its own: nothing of another limiter is on its heap. */
const weigh = (who: string, keys: number) => async (): Promise<number> => {
  const child = fork(join(import.meta.dirname, 'measure-bytes.ts'), [who, String(keys)], { execArgv: ['--expose-gc'] })
  const [bytes] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error(`measure-bytes.ts ${who} ended without a figure`)
    }),
  ])
  return Number(bytes)
}

/** Bytes a key beside the key itself, against rate-limiter-flexible. */
export const limitMemoryBytes: PlainClaim = {
  name: 'limit-memory-bytes',
  unit: 'bytes/key',
  goal: 8,
  costs: true,
  async measure({ short }) {
    const rounds = short ? 1 : 3
    const [ours = 0, reference = 0, grown = 0, ...others] = await takeTurns(rounds, [
      weigh('ours', KEYS),
      weigh('rate-limiter-flexible', KEYS),
      weigh('ours', JUST_GROWN),
      ...PEERS.map((who) => weigh(who, KEYS)),
    ])
    return {
      ours,
      reference,
      also: [{ what: `at most ${MOST} bytes/key`, ratio: MOST / ours, goal: 1 }],
      notes: [
        `heap and array buffers after collection, ${KEYS.toLocaleString('en')} keys that were there before; processes by limiter: ${rounds}, medians`,
        `ours about at its worst, where the table has just grown (${JUST_GROWN.toLocaleString('en')} keys): ${grown.toFixed(1)} bytes/key`,
        PEERS.map((name, i) => `${name} ${(others[i] ?? 0).toFixed(1)} bytes/key`).join(', '),
      ],
    }
  },
}
