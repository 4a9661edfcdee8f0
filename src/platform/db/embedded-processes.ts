import { execFile } from 'node:child_process'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Living PostgreSQL processes of this cluster. Every one of them has its data folder as working directory. */
export async function serversIn(pgdata: string): Promise<number[]> {
  if (process.platform !== 'linux') return recordedServer(pgdata)
  const home = await stat(pgdata).catch(() => undefined)
  if (!home) return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(pids.map((pid) => worksIn(pid, home.dev, home.ino)))
  return pids.filter((_, i) => found[i]).map(Number)
}

/** The name is asked too: a person's shell inside the folder is no server. A zombie has no working directory. */
async function worksIn(pid: string, dev: number, ino: number): Promise<boolean> {
  const cwd = await stat(`/proc/${pid}/cwd`).catch(() => undefined)
  if (cwd?.ino !== ino || cwd.dev !== dev) return false
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'postgres'
}

/** Without /proc only the postmaster is known, from the file that it wrote itself. */
async function recordedServer(pgdata: string): Promise<number[]> {
  const pid = await postmasterPid(pgdata)
  if (!pid) return []
  const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return /\bpostgres\b/.test(stdout) && stdout.includes(pgdata) ? [pid] : []
}

async function postmasterPid(pgdata: string): Promise<number | undefined> {
  const text = await readFile(join(pgdata, 'postmaster.pid'), 'utf8').catch(() => '')
  return Number.parseInt(text, 10) || undefined
}

/** False when it is gone already. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** Ends what is left of a cluster nobody owns: fast shutdown, then immediate, then kill. All three leave a recoverable folder. */
export async function endServersIn(pgdata: string): Promise<void> {
  const postmaster = await postmasterPid(pgdata)
  const stages: readonly [NodeJS.Signals, number][] = [
    ['SIGINT', 10_000],
    ['SIGQUIT', 6_000],
    ['SIGKILL', 6_000],
  ]
  for (const [name, patience] of stages) {
    const pids = await serversIn(pgdata)
    if (pids.length === 0) return
    // Backends whose postmaster is gone answer to SIGKILL at once; a living postmaster ends its own.
    const orphans = postmaster === undefined || !pids.includes(postmaster)
    if (orphans) for (const pid of pids) signal(pid, 'SIGKILL')
    else if (name === 'SIGKILL') for (const pid of pids) signal(pid, name)
    else signal(postmaster, name)
    await gone(pgdata, patience)
  }
}

async function gone(pgdata: string, patience: number): Promise<void> {
  const deadline = performance.now() + patience
  while (performance.now() < deadline && (await serversIn(pgdata)).length > 0) await sleep(50)
}
