import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { AtOnce } from './acquire-at-once.ts'

const WORKER = fileURLToPath(new URL('./acquire-at-once.ts', import.meta.url))

/** How often a race is run: a few times while one works, 100 times over all policies in CI. */
export const repetitions = (short: number, inCi: number): number =>
  process.env.CI !== undefined && process.env.CI !== 'false' ? inCi : short

/** Of each key, how many of 2,000 requests at once from three processes were admitted. */
export const admittedOfTwoThousand = async (work: Omit<AtOnce, 'count'>): Promise<readonly number[]> => {
  const outputs = await Promise.all(
    [667, 667, 666].map(async (count): Promise<readonly number[]> => {
      const { stdout } = await promisify(execFile)(process.execPath, [WORKER, JSON.stringify({ ...work, count })])
      return JSON.parse(stdout)
    }),
  )
  return work.keys.map((_, i) => outputs.reduce((sum, counts) => sum + (counts[i] ?? 0), 0))
}
