import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

const beside = resolve(import.meta.dirname, '../../shared')

const within =
  (folder: string) =>
  (name: string): string | undefined => {
    const file = join(folder, name)
    return existsSync(file) ? file : undefined
  }

/** The path of a real data file, or undefined where it is not at hand: the test then skips and says why. */
export const dataFile = within(process.env.COGNITIONOS_RECORDINGS ?? join(beside, 'data'))
