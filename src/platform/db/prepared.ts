import { hash } from 'node:crypto'

/** Each name costs every connection a parsed statement and its plan. */
const MAX_NAMES = 250
const MAX_WATCHED = 2_000
/** A text that comes so often is one of the program's own; one built for a list of some length is not. */
const OFTEN = 3
const MAX_PARAMETERS = 40

/**
 * The name under which a connection keeps a statement prepared; undefined: it is sent as it is. Parsing, row security's rewriting and
 * planning cost a read by key more than running it does. A name stands for one text wherever it is met: behind a pooler that takes names as
 * they come, another process's statement must not answer for ours.
 */
export const statementNames = (): ((text: string, parameters: number) => string | undefined) => {
  const names = new Map<string, string>()
  const seen = new Map<string, number>()
  return (text, parameters) => {
    const known = names.get(text)
    // Without parameters a text may hold several statements, which cannot be prepared as one.
    if (known !== undefined || parameters === 0 || parameters > MAX_PARAMETERS || names.size >= MAX_NAMES) return known
    const times = (seen.get(text) ?? 0) + 1
    if (times < OFTEN) {
      if (seen.size >= MAX_WATCHED) seen.clear()
      seen.set(text, times)
      return undefined
    }
    seen.delete(text)
    const name = `q${hash('sha256', text).slice(0, 20)}`
    names.set(text, name)
    return name
  }
}
