import type { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { systemClock } from '../../platform/clock.ts'
import { logger } from '../../platform/telemetry/log.ts'
import { print, printJson, wantsJson } from '../output.ts'
import { type Paint, paintFor, table } from '../table.ts'
import type { Check } from './check.ts'
import { examine } from './examine.ts'

const MARKS = { ok: '✓', warn: '!', fail: '✗' } as const

/** A row a check; below, what to mend. */
export const checkLines = (checks: readonly Check[], paint: Paint): string[] => {
  const colours = { ok: paint.good, warn: paint.warn, fail: paint.bad }
  const rows = checks.map(({ name, state, found }) => [{ text: MARKS[state], paint: colours[state] }, name, found])
  const mends = checks.flatMap(({ name, state, mend }) =>
    mend === undefined ? [] : [`${colours[state](MARKS[state])} ${name}: ${mend}`],
  )
  return [
    ...table([{ title: '' }, { title: 'what' }, { title: 'found' }], rows, paint),
    '',
    ...(mends.length === 0 ? ['Everything is as it should be.'] : ['To mend:', ...mends.map((mend) => `  ${mend}`)]),
  ]
}

const run = async (command: Command): Promise<void> => {
  const checks = await examine({
    config: readConfig(),
    log: logger('silent'),
    nodeVersion: process.versions.node,
    now: () => systemClock.now(),
  })
  const healthy = checks.every(({ state }) => state !== 'fail')
  if (wantsJson(command)) printJson({ healthy, checks })
  else print(checkLines(checks, paintFor(process.stdout)).join('\n'))
  if (!healthy) process.exitCode = 1
}

export const addDoctor = (program: Command): void => {
  program
    .command('doctor')
    .summary('is everything as it should be, and if not, what to mend')
    .description(
      'Looks at the Node version, the secret, the database and its version, the server role, row security, migrations in both planes and ' +
        'all places, the clocks, and where REDIS_URL is set Redis, its version, role and memory policy. A running server may stay up. It changes nothing. Exits with 1 where something must be mended.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  cognitionos doctor\n  DATABASE_URL=postgres://… COGNITIONOS_SECRET=… cognitionos doctor --json',
    )
    .action((_options: object, command: Command) => run(command))
}
