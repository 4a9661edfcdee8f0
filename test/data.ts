import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

const recordings = process.env.COGNITIONOS_RECORDINGS ?? resolve(import.meta.dirname, '../../shared/data')

const within =
  (folder: string) =>
  (name: string): string | undefined => {
    const file = join(folder, name)
    return existsSync(file) ? file : undefined
  }

/** The path of a real data file, or undefined where it is not at hand: the test then skips and says why. */
export const dataFile = within(recordings)

/** The path of a table of published cases, which lies beside the recordings. */
export const caseFile = within(join(recordings, '../cases'))
