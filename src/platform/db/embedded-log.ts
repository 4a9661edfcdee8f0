import { closeSync, constants, openSync } from 'node:fs'
import { copyFile, open, rm, stat, truncate } from 'node:fs/promises'

const LIMIT_BYTES = 16 * 1024 * 1024
const CHECK_MS = 30_000

/** PostgreSQL's own log: a plain file it appends to, so that a busy or dead Node never blocks a backend that writes a line. */
export interface ServerLog {
  readonly path: string
  /** Keeps the file and one older copy within the limit until stopped. */
  bound(): () => void
  /** Lets `use` hand the open file to a child. */
  withFile<T>(use: (fd: number) => T): T
  size(): Promise<number>
  /** What was written since `offset`, at most the last 4 KB. */
  since(offset: number): Promise<string>
}

export function serverLog(path: string, limit = LIMIT_BYTES): ServerLog {
  const size = async (): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0
  const trim = async (): Promise<void> => {
    if ((await size()) <= limit) return
    await rm(`${path}.1`, { force: true })
    await copyFile(path, `${path}.1`, constants.COPYFILE_EXCL)
    // PostgreSQL appends, so it goes on at the new end. A line written between copy and truncation is lost; that is the price.
    await truncate(path)
  }
  return {
    path,
    size,
    bound() {
      const check = () => void trim().catch(() => undefined)
      check()
      const timer = setInterval(check, CHECK_MS).unref()
      return () => clearInterval(timer)
    },
    withFile(use) {
      const fd = openSync(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NOFOLLOW, 0o600)
      try {
        return use(fd)
      } finally {
        closeSync(fd)
      }
    },
    async since(offset) {
      const file = await open(path).catch(() => undefined)
      if (!file) return ''
      try {
        const end = (await file.stat()).size
        const start = Math.max(offset, end - 4096, 0)
        const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(end - start, 0)), 0, Math.max(end - start, 0), start)
        return buffer.toString('utf8', 0, bytesRead).trim()
      } finally {
        await file.close()
      }
    },
  }
}
