import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type PlainClaim, takeTurns } from './claim.ts'
import { KEYS } from './limit-keys.ts'

const CONTESTANTS = ['ours', 'rate-limiter-flexible', 'bare Map with GCRA', 'limiter', 'express-rate-limit'] as const
/** Never reached: every peer's quicker answer. */
const WIDE = 1_000_000_000

interface Race {
  readonly limit: number
  /** Strings of their own that nobody has hashed, as one off a socket is; or those that the limiter holds. */
  readonly strings: 'fresh' | 'known'
  readonly count: number
  readonly rounds: number
}

/** A process each, as a server has one limiter: peers' timers and garbage would slow down whose turn it is. */
const start = async (who: string, { limit, count, strings }: Race): Promise<ChildProcess> => {
  const args = [who, String(limit), String(count), strings]
  const child = fork(join(import.meta.dirname, 'measure-checks.ts'), args, { execArgv: ['--expose-gc'] })
  await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error(`measure-checks.ts ${who} ended before it was ready`)
    }),
  ])
  return child
}

/** Checks by second of processor time, in the order of the contestants, and the share that was refused in the last round. */
const race = async (terms: Race): Promise<{ readonly figures: readonly number[]; readonly refused: number }> => {
  const children: ChildProcess[] = []
  try {
    for (const who of CONTESTANTS) children.push(await start(who, terms))
    const refusals = CONTESTANTS.map(() => 0)
    const turn = (child: ChildProcess, who: number) => async (): Promise<number> => {
      const told = once(child, 'message')
      child.send('round')
      const [{ perSecond, refused }] = await told
      refusals[who] = Number(refused)
      return Number(perSecond)
    }
    const figures = await takeTurns(terms.rounds, children.map(turn))
    const [least, most] = [Math.min(...refusals), Math.max(...refusals)]
    if (most - least > terms.count / 50)
      throw new Error(`they refuse unlike numbers of the same requests: ${refusals.join(', ')}`)
    return { figures, refused: most / terms.count }
  } finally {
    for (const child of children) child.disconnect()
  }
}

const millions = (perSecond: number): string => `${(perSecond / 1_000_000).toFixed(2)} M`

const told = ({ figures }: { readonly figures: readonly number[] }): string => {
  const [own = 0, ...others] = figures
  const each = others.map((figure, i) => `${CONTESTANTS[i + 1]} ${millions(figure)} (${(own / figure).toFixed(2)})`)
  return `ours ${millions(own)}, ${each.join(', ')}`
}

/** Checks on 100,000 keys by Zipf, against rate-limiter-flexible and a bare Map with GCRA. */
export const limitMemory: PlainClaim = {
  name: 'limit-memory',
  unit: 'checks/CPU s',
  goal: 5,
  async measure({ short }) {
    const size = short ? { count: 200_000, rounds: 3 } : { count: 500_000, rounds: 9 }
    const limited = await race({ limit: 100, strings: 'fresh', ...size })
    const wide = await race({ limit: WIDE, strings: 'fresh', ...size })
    const known = await race({ limit: 100, strings: 'known', ...size })
    const [ours = 0, reference = 0, map = 0] = limited.figures
    return {
      ours,
      reference,
      also: [{ what: 'against the bare Map with GCRA', ratio: ours / map, goal: 1 }],
      notes: [
        `${KEYS.toLocaleString('en')} keys by Zipf, a process each, ${size.rounds} rounds of ${size.count.toLocaleString('en')} by turns, medians`,
        `each key a fresh string, 100 an hour, ${Math.round(limited.refused * 100)} % refused in the last round: ${told(limited)}`,
        `each key a fresh string, none refused: ${told(wide)}`,
        `keys that are the very strings held, 100 an hour: ${told(known)}`,
      ],
    }
  },
}
