import { type IsOver, type RedisClient, runner } from './client.ts'
import { numbersOf, outrunAt } from './reply.ts'
import type { Spec } from './spec.ts'

export interface CallOptions {
  readonly client: RedisClient
  /** This process's clock, whole microseconds since the epoch: for calendars, until the server has told its time. */
  readonly now: () => number
  /** For tests: the time that is to be taken for the server's. */
  readonly serverTime?: () => number
}

/** What the script is asked of one row. */
export interface Wanted {
  readonly key: string
  readonly spec: Spec
  readonly cost: number
}

export type Call = (op: string, wanted: readonly Wanted[], note?: string, isOver?: IsOver) => Promise<readonly number[]>

const CLOCK_TRIES = 3

/** Asks the script of rows whose policies come with each call. It picks a calendar's window by its own time, and tells that where it outran ours. */
export const scriptCall = ({ client, now, serverTime }: CallOptions): Call => {
  const run = runner(client)
  let aheadUs = 0

  return async (op, wanted, note = '', isOver) => {
    const keys = wanted.map(({ key }) => key)
    for (let tries = 0; tries < CLOCK_TRIES; tries += 1) {
      const injected = serverTime?.()
      const time = injected ?? now() + aheadUs
      const head = [op, injected === undefined ? '' : String(injected), '0', note]
      const args = [...head, ...wanted.flatMap(({ spec, cost }) => spec.args(cost, time))]
      const numbers = await run(keys, args, numbersOf, isOver)
      const outrun = outrunAt(numbers)
      if (outrun === undefined) return numbers
      aheadUs = outrun - now()
    }
    throw new Error("the server's clock moves faster than its answers")
  }
}
