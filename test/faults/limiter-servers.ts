import { Redis } from 'ioredis'
import { counterOf } from '../../src/modules/ratelimits/counter.ts'
import type { CountAsk } from '../../src/modules/ratelimits/counting.ts'
import type { Policy } from '../../src/modules/ratelimits/limiter/policy.ts'
import type { RedisClient } from '../../src/modules/ratelimits/limiter/redis/client.ts'
import type { OnFailure } from '../../src/modules/ratelimits/limiter/redis/fallback.ts'
import { type RedisLimiter, redisLimiter } from '../../src/modules/ratelimits/limiter/redis/limiter.ts'
import { microseconds } from '../../src/modules/ratelimits/limiter/sources.ts'
import { sharedLimiter } from '../../src/modules/ratelimits/shared.ts'
import { openRedis, type RedisConfig } from '../../src/platform/redis/connection.ts'
import { silent } from '../harness/database.ts'
import { type SlowLine, slowLine } from '../harness/slow-line.ts'

/** A limit of each kind of answer without Redis, and one that is leased. */
export type Name = OnFailure | 'leased'
export const NAMES = ['open', 'closed', 'local', 'leased'] as const satisfies readonly Name[]

/** What one limit says of one request. */
export interface Told {
  readonly fits: boolean
  readonly degraded: boolean
  readonly remaining: number
}

/** What is asked: one of several servers that share a Redis. */
export interface Asked {
  /** The requests that it is asked in turn, each by its limits. */
  readonly turns: readonly (readonly Name[])[]
  /** One request, all of whose limits let it through or none takes anything. */
  ask(names: readonly Name[], key: string, cost?: number): Promise<readonly Told[]>
  /** Commands that one request may send: a leased limit asks for a block and for itself. */
  readonly commands: number
  /** Commands that were sent. */
  sent(): number
  /** How many were sent since Redis last answered one in time, or not much later, and when that was. */
  unanswered(): { readonly commands: number; readonly since: number }
  close(): Promise<void>
}

/** One that reaches Redis over a line of its own. */
export interface Server extends Asked {
  readonly line: SlowLine
}

const MONTH_MS = 30 * 86_400_000
export const LIMIT = 600
/** None of them lets anything go within a test. */
const LIMITS: Readonly<Record<Name, Policy>> = {
  open: { algorithm: 'SLIDING_WINDOW', limit: LIMIT, windowMs: MONTH_MS },
  closed: { algorithm: 'FIXED_WINDOW', limit: LIMIT, windowMs: MONTH_MS, anchor: 'first_use' },
  local: { algorithm: 'TOKEN_BUCKET', capacity: LIMIT, refill: { tokens: 1, perMs: MONTH_MS } },
  leased: { algorithm: 'FIXED_WINDOW', limit: LIMIT, windowMs: MONTH_MS, anchor: 'first_use' },
}
/** The default, which the promise is about. */
export const DEADLINE_MS = 50

interface Settings {
  readonly liveServers: () => number
  readonly deadlineMs?: number
  /** How far this process's clock is from the time, in microseconds. */
  readonly offUs?: () => number
  readonly serverTime?: () => number
}

export interface ServerOptions extends Settings {
  readonly url: URL
}

export interface EmbeddedOptions extends ServerOptions {
  /** A connection on which nothing comes back for so long is made anew. */
  readonly silentMs?: number
}

const counted = (far: RedisClient) => {
  let sent = 0
  let last = { sent, at: performance.now() }
  const send = async (command: () => Promise<unknown>): Promise<unknown> => {
    sent += 1
    const began = performance.now()
    const reply = await command()
    const at = performance.now()
    if (at - began < 2 * DEADLINE_MS) last = { sent, at }
    return reply
  }
  const client: RedisClient = {
    evalsha: (...args) => send(() => far.evalsha(...args)),
    eval: (...args) => send(() => far.eval(...args)),
  }
  return { client, sent: () => sent, unanswered: () => ({ commands: sent - last.sent, since: last.at }) }
}

/** As the README of the limiter advises: what was sent once is not sent again, and who has become a replica is left. */
const CLIENT = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
  retryStrategy: () => 20,
  lazyConnect: true,
}

/** An application with the limiter in it. */
export const openEmbedded = async (options: EmbeddedOptions): Promise<Server & { readonly limiter: RedisLimiter }> => {
  const { url, liveServers, deadlineMs = DEADLINE_MS, offUs = () => 0, serverTime, silentMs = 1_000 } = options
  const line = await slowLine(url)
  const far = new Redis(line.port, { ...CLIENT, socketTimeout: silentMs })
  far.on('error', () => {})
  await far.connect()
  const { client, sent, unanswered } = counted(far)
  const limiter = redisLimiter({
    client,
    prefix: 'fault',
    limits: LIMITS,
    onFailure: { open: 'open', closed: 'closed' },
    liveServers,
    now: () => microseconds() + offUs(),
    deadlineMs,
    ...(serverTime && { serverTime }),
  })
  return {
    line,
    limiter,
    turns: [['open'], ['closed'], ['local'], ['open', 'local']],
    async ask(names, key, cost = 1) {
      const { limits, degraded = false } = await limiter.acquire(names.map((limit) => ({ limit, key, cost })))
      return limits.map(({ allowed, remaining }) => ({ fits: allowed, degraded, remaining }))
    },
    commands: 1,
    sent,
    unanswered,
    async close() {
      far.disconnect()
      await line.cut()
    },
  }
}

const askOf = (name: Name, key: string, cost: number): CountAsk => ({
  limitId: `rl_${name}`,
  version: 1,
  counter: counterOf(`rl_${name}`, LIMITS[name]),
  policy: LIMITS[name],
  key,
  cost,
  onUnavailable: name === 'leased' ? 'local' : name,
  former: [],
  leased: name === 'leased',
})

/** As `serve` does. */
const SWEEP_MS = 250

export interface OwnOptions extends Settings {
  readonly redis: RedisConfig
  /** What a limit is asked under, for the key of a load. */
  readonly keyOf?: (name: Name, key: string) => string
}

/** What the server itself counts by, over its own connection. */
export const openOwn = async (options: OwnOptions): Promise<Asked> => {
  const { redis, liveServers, deadlineMs = DEADLINE_MS, offUs = () => 0, serverTime, keyOf = (_, key) => key } = options
  const connection = await openRedis(redis, silent)
  const { client, sent, unanswered } = counted(connection.client)
  const limiter = sharedLimiter({
    client,
    isCluster: redis.isCluster,
    prefix: 'fault',
    seed: 1,
    liveServers,
    now: () => microseconds() + offUs(),
    deadlineMs,
    log: silent,
    ...(serverTime && { serverTime }),
  })
  const sweeping = setInterval(limiter.sweepLeases, SWEEP_MS)
  return {
    turns: [['open'], ['closed'], ['local'], ['leased'], ['leased', 'open', 'local'], ['leased', 'closed'], ['closed', 'local']],
    ask: (names, key, cost = 1) =>
      limiter.decide(
        names.map((name) => askOf(name, keyOf(name, key), cost)),
        { take: true },
      ),
    commands: 2,
    sent,
    unanswered,
    async close() {
      clearInterval(sweeping)
      connection.close()
    },
  }
}

/** The same over a line that can be held up. */
const openServer = async ({ url, ...settings }: ServerOptions): Promise<Server> => {
  const line = await slowLine(url)
  const own = await openOwn({ ...settings, redis: { urls: [`redis://127.0.0.1:${line.port}`], isCluster: false } })
  return {
    ...own,
    line,
    async close() {
      await own.close()
      await line.cut()
    },
  }
}

export const KINDS: readonly (readonly [string, (options: ServerOptions) => Promise<Server>])[] = [
  ['applications with the limiter in them', openEmbedded],
  ["servers that count by the platform's own path", openServer],
]
