import type { Command } from 'commander'
import { AppError } from '../platform/errors.ts'

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

export const printJson = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item))}\n`)
}

/** Tells a person, or with `json` a program, what went wrong and what to do next. */
export const printError = (error: unknown, json: boolean): void => {
  const known = error instanceof AppError
  const code = known ? error.code : 'internal_error'
  const message = error instanceof Error ? error.message : String(error)
  if (json) printJson({ error: { code, message } })
  else process.stderr.write(`cognitionos: ${message}${known ? ` (${code})` : ''}\n`)
  for (let cause = error instanceof Error ? error.cause : undefined; cause instanceof Error && !json; cause = cause.cause)
    process.stderr.write(`  because: ${cause.message}\n`)
  if (!known && !json && error instanceof Error) process.stderr.write(`${error.stack}\n`)
}

/** Whether --json was given, before or after the command's name. */
export const wantsJson = (command: Command): boolean => command.optsWithGlobals<{ json?: true }>().json === true
