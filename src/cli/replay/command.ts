import { basename } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../../platform/clock.ts'
import { configError } from '../../platform/errors.ts'
import { print, printJson, wantsJson } from '../output.ts'
import { progress } from '../progress.ts'
import { type SessionOptions, speaking, withApi } from '../session.ts'
import { counted, grouped } from '../table.ts'
import type { Unread } from './line.ts'
import { type Format, formatOf, insistReadable, readEvents } from './read-file.ts'
import { type ReplayReport, replay } from './replay.ts'

interface Options extends SessionOptions {
  readonly tenant?: string
  readonly provider: string
  readonly model: string
  readonly speed?: number
  readonly shift?: true
  readonly format?: Format
}

const SHOWN = 10

const HELP = `
What a file may hold, told by its first line:
  trace         CSV with TIMESTAMP, ContextTokens and GeneratedTokens (UTC): LLM calls to --model
  cloudevents   CloudEvents 1.0, one JSON a line: source and id make the event's id, the end of
                type its type (com.example.llm-completion), time when it occurred, subject the
                user; data holds the fields of POST /usage/record, the rest becomes attributes
  responses     answers of OpenAI, Anthropic or Gemini as they came, one JSON a line, or as
                {"time": …, "provider": …, "user_id": …, "response": {…}}

Ids come from the file (its name and the line, or the ids in it), so replaying it again changes nothing.

Examples:
  cognitionos replay trace.csv --tenant tnt_… --model gpt-4-turbo --shift
  cognitionos replay openai.ndjson --tenant tnt_… --json
  cognitionos replay trace.csv --tenant tnt_… --shift --speed 10`

const toSpeed = (text: string): number => {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('give a number above 0, such as 10 for ten times as fast as it happened.')
}

const bare = ({ line, why }: Unread) => ({ line, why })

const told = (title: string, lines: readonly Unread[]): string[] =>
  lines.length === 0
    ? []
    : [
        '',
        `  ${title}: ${grouped(lines.length)}`,
        ...lines.slice(0, SHOWN).map(({ line, why }) => `    line ${line}: ${why}`),
        ...(lines.length > SHOWN ? [`    … and ${grouped(lines.length - SHOWN)} more; --json lists all`] : []),
      ]

/** The report as a person reads it. */
const reportLines = (file: string, report: ReplayReport): string[] => [
  '',
  `  ${file}: ${counted(report.events, 'event')} in ${report.seconds.toFixed(1)} s (${grouped(report.events_per_second)} events/s)`,
  '',
  `  accepted       ${grouped(report.accepted).padStart(14)}`,
  `  duplicates     ${grouped(report.duplicates).padStart(14)}${report.duplicates > 0 ? '   counted before; nothing changed' : ''}`,
  `  unpriced       ${grouped(report.unpriced).padStart(14)}${report.unpriced > 0 ? '   priced when their model gets a price' : ''}`,
  `  input tokens   ${grouped(report.input_tokens).padStart(14)}`,
  `  output tokens  ${grouped(report.output_tokens).padStart(14)}`,
  ...(report.cost === null ? [] : [`  cost added     ${grouped(report.cost).padStart(14)}   USD`]),
  ...told('refused by the plan', report.refused),
  ...told('could not be read', report.unread),
  '',
]

const run = async (file: string, options: Options, command: Command): Promise<void> => {
  const json = wantsJson(command)
  const { tenant, provider, model, speed, shift } = options
  if (tenant === undefined && !options.url)
    throw configError('tenant_missing', 'give --tenant ID: whose use it is; `cognitionos tenants list` shows them')
  await insistReadable(file) // before a database is opened
  const format = options.format ?? (await formatOf(file))
  await withApi(options, async (api) => {
    const shown = progress('replaying', process.stderr, () => performance.now())
    const report = await replay({
      api,
      tenantId: tenant,
      read: () => readEvents({ path: file, format, traced: { provider, model } }),
      shiftTo: shift && systemClock.now(),
      speed,
      onProgress: json ? undefined : shown.show,
      nowMs: () => performance.now(),
    })
    shown.end()
    if (json) printJson({ file, ...report, refused: report.refused.map(bare), unread: report.unread.map(bare) })
    else print(reportLines(basename(file), report).join('\n'))
    if (report.unread.length > 0 || report.refused.length > 0) process.exitCode = 1
  })
}

export const addReplay = (program: Command): void => {
  speaking(program.command('replay <file>'))
    .summary('meter the calls of a file: a trace, CloudEvents, or logs of providers')
    .description('Meters the calls of a file. Exits with 1 where a line could not be read or was refused.')
    .option('--tenant <id>', "whose use it is (not needed with a tenant's own key)")
    .option('--provider <name>', 'who answered the calls of a trace', 'openai')
    .option('--model <name>', 'which model answered the calls of a trace', 'gpt-4-turbo')
    .option('--shift', 'move the events in time so that the last occurs now')
    .option('--speed <n>', 'n times as fast as it happened; as fast as it goes where not told', toSpeed)
    .addOption(new Option('--format <format>', 'do not guess').choices(['trace', 'cloudevents', 'responses']))
    .addHelpText('after', HELP)
    .action(run)
}
