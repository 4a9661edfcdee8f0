import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Account } from './embedded-account.ts'

/** A second process that stops PostgreSQL when this one is gone, also after kill -9: the kernel closes the pipe it reads. */
export interface Watchdog {
  watch(pid: number): void
  forget(): void
  end(): Promise<void>
}

// Reads pids, the last one counts. On end of file: fast shutdown, after 3 s immediate, after 6 s kill.
const SCRIPT = `
trap '' HUP INT TERM
pid=-
while read -r word; do pid=$word; done
[ "$pid" = - ] && exit 0
kill -INT "$pid" 2>/dev/null || exit 0
i=0
while [ $i -lt 70 ] && kill -0 "$pid" 2>/dev/null; do
  i=$((i + 1))
  [ $i -eq 30 ] && kill -QUIT "$pid" 2>/dev/null
  [ $i -eq 60 ] && kill -KILL "$pid" 2>/dev/null
  sleep 0.1
done
`

export function startWatchdog(account: Account | undefined): Watchdog {
  let word = '-'
  let ending = false
  const tell = (): void => {
    child.stdin?.write(`${word}\n`)
  }
  const launch = (): ChildProcess => {
    // A session of its own: Ctrl-C in the terminal must not reach it, nor PostgreSQL, before the server has finished its work.
    const next = spawn('/bin/sh', ['-c', SCRIPT], {
      ...account,
      cwd: '/',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    next.on('error', () => undefined)
    next.stdin?.on('error', () => undefined)
    next.once('exit', () => {
      if (ending) return
      setTimeout(() => {
        if (ending) return
        child = launch()
        tell()
      }, 100)
    })
    return next
  }
  let child = launch()
  const say = (next: string): void => {
    word = next
    tell()
  }
  return {
    watch: (pid) => say(String(pid)),
    forget: () => say('-'),
    async end() {
      if (ending) return
      ending = true
      child.stdin?.end('-\n')
      if (child.exitCode === null && child.signalCode === null && child.pid) await once(child, 'exit')
    },
  }
}
