import { runCareless, runRounds } from './rounds.ts'
import { openStand } from './stand.ts'

// node test/faults/long.ts [rounds] [seed]: the long form of kill.test.ts, and its control.
const [rounds = 200, seed = 1] = process.argv.slice(2).map(Number)
const told = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const stand = await openStand()
const { books, ...found } = await runRounds({ stand, rounds, seed, told }).finally(() => stand.close())
const acknowledged = Object.entries(books).map(
  ([
    name,
    {
      acknowledged: { size },
    },
  ]) => `${size} ${name}`,
)
told(`${found.rounds} rounds with seed ${seed}; acknowledged: ${acknowledged.join(', ')}`)
told(`lost ${found.lost.length}, doubled ${found.doubled.length}, contradictions ${found.contradictions.length}`)
for (const line of [...found.lost, ...found.doubled, ...found.contradictions].slice(0, 50)) told(`  ${line}`)

told('the control, with synchronous_commit off:')
const control = await runCareless({ rounds: 20, seed, told })
told(
  control.lost.length > 0
    ? `loss is seen: ${control.lost.length} acknowledged writes are gone`
    : 'no loss was seen: the test proves nothing',
)
if (found.lost.length + found.doubled.length + found.contradictions.length > 0 || control.lost.length === 0) process.exitCode = 1
