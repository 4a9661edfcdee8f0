import { styleText } from 'node:util'

/** Colours, or plain text where nobody would see them. */
export interface Paint {
  bold(text: string): string
  dim(text: string): string
  good(text: string): string
  bad(text: string): string
  warn(text: string): string
  link(text: string): string
}

const style = (format: Parameters<typeof styleText>[0]) => (text: string) => styleText(format, text, { validateStream: false })
const plain = (text: string): string => text

export const PLAIN: Paint = { bold: plain, dim: plain, good: plain, bad: plain, warn: plain, link: plain }
const COLOURED: Paint = {
  bold: style('bold'),
  dim: style('dim'),
  good: style('green'),
  bad: style('red'),
  warn: style('yellow'),
  link: style('cyan'),
}

/** Node's own judgement of the terminal, which heeds NO_COLOR and FORCE_COLOR. */
export const paintFor = (stream: NodeJS.WriteStream): Paint => (stream.isTTY && stream.hasColors() ? COLOURED : PLAIN)

export interface Column {
  readonly title: string
  readonly align?: 'right'
  /** At least this wide; as wide as the widest cell where not told. */
  readonly width?: number
}

/** Text with its colour, so that columns align by what is seen. */
export interface Cell {
  readonly text: string
  readonly paint?: (text: string) => string
}

const cellOf = (cell: Cell | string): Cell => (typeof cell === 'string' ? { text: cell } : cell)

/** Columns two blanks apart, a dim title row and a rule above the rows. Nothing hangs over at the right. */
export const table = (columns: readonly Column[], rows: readonly (readonly (Cell | string)[])[], paint: Paint): string[] => {
  const cells = rows.map((row) => columns.map((_, index) => cellOf(row[index] ?? '')))
  const widths = columns.map(({ title, width = 0 }, index) =>
    Math.max(width, title.length, ...cells.map((row) => row[index]?.text.length ?? 0)),
  )
  const line = (row: readonly Cell[]): string =>
    row
      .map(({ text, paint: colour = plain }, index) => {
        const gap = ' '.repeat((widths[index] ?? 0) - text.length)
        if (columns[index]?.align === 'right') return gap + colour(text)
        return index === row.length - 1 ? colour(text) : colour(text) + gap
      })
      .join('  ')
      .trimEnd()
  const total = widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1))
  return [
    line(columns.map(({ title }) => ({ text: title, paint: paint.dim }))),
    paint.dim('─'.repeat(total)),
    ...cells.map((row) => line(row)),
  ]
}

const GROUPS = /\B(?=(\d{3})+$)/g

/** 28040 → '28,040'; a fraction stays as it is. */
export const grouped = (value: bigint | number | string): string => {
  const [whole = '', fraction] = String(value).split('.')
  return whole.replace(GROUPS, ',') + (fraction === undefined ? '' : `.${fraction}`)
}

/** '1 event', '28,040 events'. */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
