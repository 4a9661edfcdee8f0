/** What one look found. */
export interface Check {
  readonly name: string
  /** `warn`: the server runs, but somebody should know. */
  readonly state: 'ok' | 'warn' | 'fail'
  readonly found: string
  /** What mends it; absent where nothing needs to be. */
  readonly mend?: string
}

export const ok = (name: string, found: string): Check => ({ name, state: 'ok', found })
export const warn = (name: string, found: string, mend: string): Check => ({ name, state: 'warn', found, mend })
export const fail = (name: string, found: string, mend: string): Check => ({ name, state: 'fail', found, mend })

export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  // A refused connection to a name with several addresses tells its reasons inside.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ')
  return error.message
}
