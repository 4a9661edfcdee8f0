/** A line of a file that is an event, or why it is none. */
export type Line<T> = ({ readonly ok: true } & T) | Unread

export interface Unread {
  readonly ok: false
  /** From 1, as editors count. */
  readonly line: number
  readonly why: string
}

export const unread = (line: number, why: string): Unread => ({ ok: false, line, why })
