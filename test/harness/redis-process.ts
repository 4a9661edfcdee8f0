import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'

/** A Redis or Valkey of a test's own, which it may do anything to. It keeps nothing on disk: a restart is empty. */
export interface RedisProcess {
  readonly url: URL
  /** A connection past any line in between, for what an operator does and sees. */
  readonly admin: Redis
  /** SIGKILL. */
  kill(): Promise<void>
  /** On the port that it had, without what it held. */
  restart(): Promise<void>
  pause(): void
  resume(): void
  close(): Promise<void>
}

/** REDIS_SERVER names another program, Valkey's say. */
const PROGRAM = process.env.REDIS_SERVER ?? 'redis-server'
const READY_MS = 20_000
export const hasRedisServer = (): boolean => spawnSync(PROGRAM, ['--version']).status === 0

const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

export const openRedisProcess = async (env: Readonly<Record<string, string>> = {}): Promise<RedisProcess> => {
  const folder = await mkdtemp(join(tmpdir(), 'cognitionos-redis-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const admin = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: null })
  admin.on('error', () => {})

  const isReady = (): Promise<boolean> =>
    Promise.race([
      admin.ping().then(
        () => true,
        () => false,
      ),
      sleep(500, false),
    ])

  const restart = async (): Promise<void> => {
    const settings = { bind: '127.0.0.1', port, dir: folder, save: '', appendonly: 'no', 'repl-diskless-sync-delay': 0 }
    const next = spawn(
      PROGRAM,
      Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
      { env: { ...process.env, ...env }, stdio: 'ignore' },
    )
    next.on('error', () => {})
    child = next
    for (const until = performance.now() + READY_MS; !(await isReady()); await sleep(10))
      if (performance.now() > until || next.pid === undefined || next.exitCode !== null)
        throw new Error(`${PROGRAM} did not become ready on port ${port}`)
  }
  const kill = async (): Promise<void> => {
    const running = child
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const exit = once(running, 'exit')
    running.kill('SIGKILL')
    await exit
  }
  const close = async (): Promise<void> => {
    admin.disconnect()
    await kill()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await restart()
  } catch (error) {
    await close()
    throw error
  }
  return {
    url: new URL(`redis://127.0.0.1:${port}`),
    admin,
    kill,
    restart,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    close,
  }
}
