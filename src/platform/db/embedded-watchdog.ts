import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Account } from './embedded-account.ts'

/** A second process that stops PostgreSQL when this one is gone, also after kill -9: the kernel closes the pipe it reads. */
export interface Watchdog {
  watch(pid: number): void
  forget(): void
  end(): Promise<void>
}

// Begins with a pid and reads others, the last one counts. On end of file: fast shutdown, after 3 s immediate, after 6 s kill.
const SCRIPT = `
trap '' HUP INT TERM
pid=$1
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
  const launch = (): ChildProcess => {
    // A session of its own: Ctrl-C in the terminal must not reach it, nor PostgreSQL, before the server has finished its work.
    // It knows its pid from birth: this process may be killed before it can say a word.
    const next = spawn('/bin/sh', ['-c', SCRIPT, 'watchdog', word], {
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
        if (!ending) child = launch()
      }, 100)
    })
    return next
  }
  let child = launch()
  const say = (next: string): void => {
    word = next
    child.stdin?.write(`${word}\n`)
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
