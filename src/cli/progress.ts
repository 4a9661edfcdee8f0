import { grouped, type Paint, paintFor } from './table.ts'

/** What a bar shows: how far, and how fast. */
export interface Reading {
  readonly label: string
  readonly done: number
  readonly total: number
  readonly perSecond: number
}

const CELLS = 28

/** One line of at most 90 characters. */
export const bar = ({ label, done, total, perSecond }: Reading, paint: Paint): string => {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const full = Math.round(share * CELLS)
  const count = `${grouped(done)} / ${grouped(total)}`
  const speed = `${grouped(Math.round(perSecond))} events/s`
  return `  ${label}  ${paint.good('█'.repeat(full))}${paint.dim('░'.repeat(CELLS - full))}  ${count}  ${paint.dim(speed)}`
}

export interface Progress {
  show(done: number, total: number): void
  /** A line that stays, above the bar. */
  say(line: string): void
  /** Leaves the bar as it stands. */
  end(): void
}

const REDRAW_MS = 80
const CLEAR = '\r\u001b[2K'

/** A bar that redraws itself on a terminal; elsewhere only its last state is written. */
export const progress = (label: string, stream: NodeJS.WriteStream, nowMs: () => number): Progress => {
  const paint = paintFor(stream)
  const started = nowMs()
  let drawnAt = Number.NEGATIVE_INFINITY
  let line = ''
  const draw = (): void => {
    drawnAt = nowMs()
    if (stream.isTTY) stream.write(CLEAR + line)
  }
  return {
    show(done, total) {
      const seconds = (nowMs() - started) / 1_000
      line = bar({ label, done, total, perSecond: seconds > 0 ? done / seconds : 0 }, paint)
      if (nowMs() - drawnAt >= REDRAW_MS) draw()
    },
    say(text) {
      stream.write(`${stream.isTTY ? CLEAR : ''}${text}\n`)
      if (line !== '') draw()
    },
    end() {
      if (line === '') return
      stream.write(`${stream.isTTY ? CLEAR : ''}${line}\n`)
      line = ''
    },
  }
}
