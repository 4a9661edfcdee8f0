import type { Command } from 'commander'
import type { Body } from './api.ts'
import { print, printJson, wantsJson } from './output.ts'
import { type Column, paintFor, table } from './table.ts'

/** A field of a reply as text: '—' where there is none. */
export const field = (body: Body, name: string): string => {
  const value = body[name]
  if (value === null || value === undefined || value === '') return '—'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

const isBody = (value: unknown): value is Body => typeof value === 'object' && value !== null && !Array.isArray(value)

export const rowsIn = (body: Body, name: string): readonly Body[] => {
  const value = body[name]
  return Array.isArray(value) ? value.filter(isBody) : []
}

/** '2026-05-01T12:30:00.123Z' → '2026-05-01 12:30'. */
export const minute = (text: string): string => (text === '—' ? text : text.slice(0, 16).replace('T', ' '))

export interface Shown extends Column {
  readonly value: (row: Body) => string
}

/** A page of a list for a person, or the reply itself for a program. */
export const printList = (command: Command, body: Body, columns: readonly Shown[]): void => {
  if (wantsJson(command)) {
    printJson(body)
    return
  }
  const rows = rowsIn(body, 'data')
  const cells = rows.map((row) => columns.map(({ value }) => value(row)))
  print(rows.length === 0 ? 'none' : table(columns, cells, paintFor(process.stdout)).join('\n'))
  if (typeof body.next_cursor === 'string') print(`\nmore: --cursor ${body.next_cursor}`)
}

/** One thing: its fields under each other, or the reply itself for a program. */
export const printOne = (command: Command, body: Body, names: readonly string[]): void => {
  if (wantsJson(command)) {
    printJson(body)
    return
  }
  const width = Math.max(...names.map((name) => name.length))
  print(names.map((name) => `${paintFor(process.stdout).dim(name.padEnd(width))}  ${field(body, name)}`).join('\n'))
}

/** Query text of the options that were given. */
export const queryOf = (values: Readonly<Record<string, string | number | undefined>>): string => {
  const given = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}
