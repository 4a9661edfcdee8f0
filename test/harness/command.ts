import { execFile } from 'node:child_process'
import { join } from 'node:path'

const BIN = join(import.meta.dirname, '../../bin/cognitionos.js')

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The command line as its own process in `folder`, with an embedded database there unless `env` names another. */
export const commandIn =
  (folder: string) =>
  (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
    new Promise((resolve) => {
      const settings = { PATH: process.env.PATH, COGNITIONOS_DATA_DIR: join(folder, 'data'), ...env }
      execFile(process.execPath, [BIN, ...args], { cwd: folder, env: settings }, (error, out, err) => {
        const code = error && typeof error.code === 'number' ? error.code : error ? -1 : 0
        resolve({ code, out, err })
      })
    })
