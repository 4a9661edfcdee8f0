import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { conflict, unavailable } from '../errors.ts'

export interface FolderLock {
  release(): void
}

const SQLITE_BUSY = 5
/** Two that race for a free folder may both meet a busy lock for an instant; SQLite retries within this time. */
const PATIENCE_MS = 250

/**
 * One process per data folder. The lock is the kernel's (fcntl, reached through SQLite because Node has no flock): it ends with its
 * process however that dies, so there is no stale lock and no reused pid to mistake for the holder. The pid file only informs.
 */
export function lockFolder(dataDir: string): FolderLock {
  const holder = join(dataDir, 'holder.pid')
  const db = acquire(join(dataDir, 'lock'), () => inUse(dataDir, readHolder(holder)))
  rmSync(holder, { force: true })
  writeFileSync(holder, `${process.pid}\n`, { flag: 'wx', mode: 0o600 })
  return {
    release() {
      if (!db.isOpen) return
      rmSync(holder, { force: true })
      db.close()
    },
  }
}

function acquire(path: string, busy: () => Error): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: PATIENCE_MS })
    db.exec('BEGIN EXCLUSIVE')
    // By name: to open and close the file again would drop the lock, and whoever may read it could hold us off with a lock of his.
    chmodSync(path, 0o600)
    return db
  } catch (error) {
    db?.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) throw busy()
    const reason = error instanceof Error ? error.message : String(error)
    throw unavailable(
      'data_folder_not_lockable',
      `cannot lock ${path}: ${reason}; the data folder must be on a local disk that this user may write`,
      { path },
      { cause: error },
    )
  }
}

function readHolder(path: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10) || undefined
  } catch {
    return undefined
  }
}

const inUse = (dataDir: string, pid: number | undefined): Error =>
  conflict(
    'data_folder_in_use',
    `the data folder ${dataDir} is in use by ${pid ? `process ${pid}` : 'another process'}; stop it, or set DATABASE_URL, or name another folder in COGNITIONOS_DATA_DIR`,
    { dataDir, pid },
  )
