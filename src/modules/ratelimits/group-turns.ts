import type { CountAnswer, CountAsk } from './counting.ts'
import type { IsOver } from './limiter/redis/client.ts'

/** What can be asked of counts that lie together; each is one step that nobody comes between. */
export interface GroupCounts {
  /** Takes, if all fit. */
  take(asks: readonly CountAsk[]): Promise<readonly CountAnswer[]>
  /** Decides, and takes nothing. */
  look(asks: readonly CountAsk[]): Promise<readonly CountAnswer[]>
  /** Takes, if all fit; `undo` then gives exactly this back, and tells how things stand after it. */
  lend(asks: readonly CountAsk[]): Promise<{ readonly answers: readonly CountAnswer[]; undo(): Promise<readonly CountAnswer[]> }>
}

interface Turn {
  answers: readonly CountAnswer[]
  undo?: (() => Promise<readonly CountAnswer[]>) | undefined
}

/** Asked once: what nobody answered may have been given back, and twice would give back what others took. */
const giveBack = async (turn: Turn): Promise<void> => {
  const { undo } = turn
  turn.undo = undefined
  if (undo) turn.answers = await undo()
}

const fitsAll = (answers: readonly CountAnswer[]): boolean => answers.every(({ fits }) => fits)

/**
 * All or nothing over groups that lie apart: takes from one after the other, and gives back when a later one refuses. Never more is let
 * through than a limit holds; for the time of a trip a request that is refused in the end counts in the groups before. Where nobody waits any
 * more, all is given back but what the last group took, which its answer does not tell apart. Answers by group.
 */
export const takeInTurns = async (
  groups: readonly (readonly CountAsk[])[],
  { take, look, lend }: GroupCounts,
  isOver: IsOver = () => false,
): Promise<readonly (readonly CountAnswer[])[]> => {
  const turns: Turn[] = []
  const undoAll = () => Promise.all(turns.map(giveBack))
  let passes = true
  try {
    for (const [i, asks] of groups.entries()) {
      const isLast = i === groups.length - 1
      if (!passes) turns.push({ answers: await look(asks) })
      else if (isLast) turns.push({ answers: await take(asks) })
      else {
        const { answers, undo } = await lend(asks)
        turns.push(fitsAll(answers) ? { answers, undo } : { answers })
      }
      passes &&= fitsAll(turns.at(-1)?.answers ?? [])
    }
    if (!passes || isOver()) await undoAll()
    return turns.map(({ answers }) => answers)
  } catch (error) {
    void undoAll().catch(() => {}) // what cannot be given back counts until it is over
    throw error
  }
}
