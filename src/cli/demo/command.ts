import { join } from 'node:path'
import type { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { systemClock } from '../../platform/clock.ts'
import { logger } from '../../platform/telemetry/log.ts'
import { print, printJson, wantsJson } from '../output.ts'
import { toPort } from '../port.ts'
import { insistReadable } from '../replay/read-file.ts'
import { untilStopped } from '../serve.ts'
import { paintFor } from '../table.ts'
import { demoClock, lastMonth } from './month.ts'
import { play } from './play.ts'
import { screen } from './screen.ts'
import { openServers } from './servers.ts'

interface Options {
  readonly exit?: true
  readonly trace?: string
  readonly port?: number
}

const HELP = `
It uses a database of its own in .cognitionos/demo: made anew at each start, removed when it ends. Nothing
outside the machine is asked, nothing is paid: the sandbox gateway plays the bank.

Examples:
  npm run demo
  npm run demo -- --exit
  npm run demo -- --trace AzureLLMInferenceTrace_conv.csv`

const run = async ({ exit, trace, port }: Options, command: Command): Promise<void> => {
  if (trace !== undefined) await insistReadable(trace)
  const started = performance.now()
  const stopped = untilStopped()
  const config = readConfig()
  const log = logger('error')
  const json = wantsJson(command)
  const month = lastMonth(systemClock.now())
  const clock = demoClock(month.start)
  const opening = openServers(config, join(config.database.dataDir, 'demo'), log, clock)
  const stopping = new AbortController()
  const staging = { clock, month, trace, port, exit: exit === true || json, json, started, signal: stopping.signal }
  const story = opening.then((servers) => play({ servers, ...staging }))
  try {
    const outcome = await Promise.race([story, stopped])
    if (typeof outcome === 'string') return
    if (json) printJson(outcome.result)
    else print(screen(outcome.result, paintFor(process.stdout)))
    if (outcome.result.url !== undefined) {
      await outcome.goOn()
      await stopped
      await outcome.stop()
    }
  } finally {
    // A story that is under way ends at its next step: what it began is finished before the servers go.
    stopping.abort()
    await story.catch(() => {})
    const servers = await opening.catch(() => undefined)
    await servers?.runtime.app.http.stop(config.http.shutdownMs)
    await servers?.close()
  }
}

export const addDemo = (program: Command): void => {
  program
    .command('demo')
    .summary('a month of four tenants in a minute: metered, billed, paid')
    .description(
      'Plays a month in a minute: four tenants, one on each isolation level, some 28,000 LLM calls, a quota stop, an overage, invoices and payments. ' +
        'Then it stays up to be tried, until Ctrl-C.',
    )
    .option('--exit', 'end after the last screen')
    .option(
      '--trace <file>',
      'meter a real trace (CSV with TIMESTAMP, ContextTokens, GeneratedTokens) in place of generated traffic',
    )
    .option('--port <port>', 'serve on this port; 3000, or a free one if that is taken', toPort)
    .addHelpText('after', HELP)
    .action(run)
}
