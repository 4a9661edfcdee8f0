import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe } from 'vitest'

const CI = process.env.CI !== undefined && process.env.CI !== 'false'
const SLOTS = 16_384
const MASTERS = 3
/** A node talks to the others on the port so much higher. */
const BUS = 10_000
const READY_MS = 30_000

/** Without a redis-server to start the tests are skipped and say so; in CI they fail, since what nobody checked is not held. */
export const describeCluster = (title: string, tests: () => void): void => {
  if (CI || spawnSync('redis-server', ['--version']).status === 0) describe(title, tests)
  else describe.skip(`${title} (no redis-server in the PATH)`, tests)
}

const isFree = async (port: number): Promise<boolean> => {
  const server = createServer()
  const listens = once(server.listen(port, '127.0.0.1'), 'listening')
  const is = await listens.then(
    () => true,
    () => false,
  )
  if (is) await new Promise((resolve) => server.close(resolve))
  return is
}

/** Below what the system gives to outgoing connections. */
const freePorts = async (count: number): Promise<readonly number[]> => {
  const ports: number[] = []
  for (let port = 15_000 + (process.pid % 1_000); ports.length < count && port < 20_000; port += 1)
    if ((await isFree(port)) && (await isFree(port + BUS))) ports.push(port)
  return ports
}

const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const end = performance.now() + READY_MS
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > end) throw new Error(`the cluster is not ready: ${what}`)
    await sleep(50)
  }
}

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

export interface RedisCluster {
  readonly ports: readonly number[]
  /** One connection to each master, in the order of their slots. */
  readonly masters: readonly Redis[]
  /** SIGKILL. What it held is gone; it knows its slots when it comes back. */
  kill(at: number): Promise<void>
  restart(at: number): Promise<void>
  pause(at: number): void
  resume(at: number): void
  stop(): Promise<void>
}

/** Three masters on this machine, whose data goes with them. */
export const startRedisCluster = async ({ nodeTimeoutMs = 10_000 } = {}): Promise<RedisCluster> => {
  const folder = await mkdtemp(join(tmpdir(), 'redis-cluster-'))
  const ports = await freePorts(MASTERS)
  const start = (port: number): ChildProcess =>
    spawn(
      'redis-server',
      ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--cluster-enabled', 'yes'].concat(
        ['--cluster-config-file', `nodes-${port}.conf`, '--cluster-node-timeout', `${nodeTimeoutMs}`],
        ['--save', '', '--appendonly', 'no'],
      ),
      { stdio: 'ignore' },
    )
  const children = ports.map(start)
  const killAll = (): void => {
    for (const child of children) child.kill('SIGKILL')
  }
  process.once('exit', killAll)
  const masters = ports.map((port) => new Redis(port, '127.0.0.1', { retryStrategy: () => 50 }))
  for (const master of masters) master.on('error', () => {})
  const cluster: RedisCluster = {
    ports,
    masters,
    async kill(at) {
      const child = children[at]
      if (child) await stop(child)
    },
    async restart(at) {
      const port = ports[at]
      if (port === undefined) return
      children[at] = start(port)
      await until(`port ${port}`, async () => (await masters[at]?.ping()) === 'PONG')
    },
    pause: (at) => void children[at]?.kill('SIGSTOP'),
    resume: (at) => void children[at]?.kill('SIGCONT'),
    async stop() {
      for (const master of masters) master.disconnect()
      await Promise.all(children.map(stop))
      process.off('exit', killAll)
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await Promise.all(children.map((child) => once(child, 'spawn')))
    await Promise.all(masters.map((master, i) => until(`port ${ports[i]}`, async () => (await master.ping()) === 'PONG')))
    for (const [i, master] of masters.entries()) {
      const [from, to] = [Math.ceil((SLOTS * i) / MASTERS), Math.ceil((SLOTS * (i + 1)) / MASTERS) - 1]
      await master.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
      await master.call('CLUSTER', 'ADDSLOTSRANGE', from, to)
      if (i > 0) await master.call('CLUSTER', 'MEET', '127.0.0.1', `${ports[0]}`)
    }
    await Promise.all(
      masters.map((master) =>
        until('its state', async () => {
          const info = String(await master.call('CLUSTER', 'INFO'))
          return info.includes('cluster_state:ok') && info.includes(`cluster_size:${MASTERS}`)
        }),
      ),
    )
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}
