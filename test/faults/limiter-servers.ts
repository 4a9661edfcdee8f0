import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Decision } from '../../src/modules/ratelimits/limiter/decision.ts'
import type { Policy } from '../../src/modules/ratelimits/limiter/policy.ts'
import type { RedisClient } from '../../src/modules/ratelimits/limiter/redis/client.ts'
import type { OnFailure } from '../../src/modules/ratelimits/limiter/redis/fallback.ts'
import { type RedisLimiter, redisLimiter } from '../../src/modules/ratelimits/limiter/redis/limiter.ts'
import { microseconds } from '../../src/modules/ratelimits/limiter/sources.ts'
import { type SlowLine, slowLine } from '../harness/slow-line.ts'

/** Servers of one application share a Redis, each over a line and with a limiter of its own. */
export interface Server {
  readonly line: SlowLine
  readonly limiter: RedisLimiter
  /** Commands that were sent. */
  sent(): number
  close(): Promise<void>
}

const MONTH_MS = 30 * 86_400_000
export const LIMIT = 600
/** None of them lets anything go within a test. One of each kind of answer without the server. */
const LIMITS: Readonly<Record<OnFailure, Policy>> = {
  open: { algorithm: 'SLIDING_WINDOW', limit: LIMIT, windowMs: MONTH_MS },
  closed: { algorithm: 'FIXED_WINDOW', limit: LIMIT, windowMs: MONTH_MS, anchor: 'first_use' },
  local: { algorithm: 'TOKEN_BUCKET', capacity: LIMIT, refill: { tokens: 1, perMs: MONTH_MS } },
}
export const NAMES = ['open', 'closed', 'local'] as const satisfies readonly OnFailure[]
/** The default, which the promise is about. */
const DEADLINE_MS = 50
/** While the server is gone one command so often looks for it. */
const PROBE_MS = 200

export interface ServerOptions {
  readonly url: URL
  readonly liveServers: () => number
  readonly deadlineMs?: number
  /** How far this process's clock is from the time, in microseconds. */
  readonly offUs?: () => number
  readonly serverTime?: () => number
  /** A connection on which nothing comes back for so long is made anew. */
  readonly silentMs?: number
}

/** As the README of the limiter advises: what was sent once is not sent again, and who has become a replica is left. */
const CLIENT = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
  retryStrategy: () => 20,
  lazyConnect: true,
}

export const openServer = async (options: ServerOptions): Promise<Server> => {
  const { url, liveServers, deadlineMs, offUs = () => 0, serverTime, silentMs = 5_000 } = options
  const line = await slowLine(url)
  const far = new Redis(line.port, { ...CLIENT, socketTimeout: silentMs })
  far.on('error', () => {})
  await far.connect()
  let sent = 0
  const client: RedisClient = {
    evalsha: (...args) => {
      sent += 1
      return far.evalsha(...args)
    },
    eval: (...args) => {
      sent += 1
      return far.eval(...args)
    },
  }
  const limiter = redisLimiter({
    client,
    prefix: 'fault',
    limits: LIMITS,
    onFailure: { open: 'open', closed: 'closed' },
    liveServers,
    now: () => microseconds() + offUs(),
    ...(deadlineMs && { deadlineMs }),
    ...(serverTime && { serverTime }),
  })
  return {
    line,
    limiter,
    sent: () => sent,
    async close() {
      far.disconnect()
      await line.cut()
    },
  }
}

/** What one limit let through under one key. */
export interface Admitted {
  byStore: number
  /** By server, on its own. */
  readonly alone: number[]
}

export interface Load {
  readonly admitted: Readonly<Record<OnFailure, Admitted>>
  /** What was not as promised, in words. */
  readonly wrong: Set<string>
  /** How long checks took, in milliseconds. */
  readonly took: readonly number[]
  degraded(): number
  /** Each server has had an answer of the store to a check that began after this was asked. */
  recovered(withinMs: number): Promise<boolean>
  stop(): Promise<void>
}

const WORKERS = 8
/** Those under way when the server goes, those sent before five have failed, and one that errs. */
const BEFORE_GONE = 3 * WORKERS

/** Checks by all servers on one key, as fast as they are answered. Each is compared with what is promised. */
export const startLoad = (servers: readonly Server[], key: string): Load => {
  const wrong = new Set<string>()
  const took: number[] = []
  const newAdmitted = (): Admitted => ({ byStore: 0, alone: servers.map(() => 0) })
  const admitted = { open: newAdmitted(), closed: newAdmitted(), local: newAdmitted() }
  /** When the last check began that the store answered in time, and how many commands had gone out when it did. */
  const answers = servers.map((server) => ({ began: -1, at: performance.now(), sent: server.sent() }))
  const overdue = new Set<Promise<void>>()
  let running = true
  let degraded = 0

  const note = (server: number, limit: OnFailure, decision: Decision): void => {
    const alone = decision.degraded === true
    if (alone) degraded += 1
    if (alone && limit === 'closed' && decision.allowed) wrong.add('closed, and let through without the store')
    if (alone && limit === 'open' && !decision.allowed) wrong.add('open, and refused without the store')
    if (!decision.allowed) return
    if (alone) admitted[limit].alone[server] = (admitted[limit].alone[server] ?? 0) + 1
    else admitted[limit].byStore += 1
  }

  /** Fires after a timer of the deadline that is set with the check: what is answered later took longer, however busy the process is. */
  const watch = (isAnswered: () => boolean): void => {
    const { promise, resolve } = Promise.withResolvers<void>()
    overdue.add(promise)
    setTimeout(
      () =>
        setImmediate(() => {
          if (!isAnswered()) wrong.add(`a check took longer than its ${DEADLINE_MS} ms`)
          overdue.delete(promise)
          resolve()
        }),
      DEADLINE_MS,
    )
  }

  const check = async (at: number, server: Server, limit: OnFailure): Promise<void> => {
    const began = performance.now()
    let isAnswered = false
    const asked = server.limiter.acquire([{ limit, key }])
    watch(() => isAnswered)
    const decision = await asked
    isAnswered = true
    took.push(performance.now() - began)
    note(at, limit, decision)
    const last = answers[at]
    if (!last) return
    const unanswered = server.sent() - last.sent
    const most = BEFORE_GONE + 2 + (performance.now() - last.at) / PROBE_MS
    if (unanswered > most) wrong.add(`${unanswered} commands went out without an answer, where ${most} may`)
    if (!decision.degraded) answers[at] = { began: Math.max(began, last.began), at: performance.now(), sent: server.sent() }
  }

  const worker = async (server: Server, at: number, turn: number): Promise<void> => {
    for (let n = turn; running; n += 1) {
      const limit = NAMES[n % NAMES.length] ?? 'local'
      await check(at, server, limit).catch((error: unknown) => wrong.add(`a check was rejected: ${error}`))
      // The answers of a limiter that is alone come at once: others must have their turn.
      await sleep(2)
    }
  }
  const workers = servers.flatMap((server, at) => Array.from({ length: WORKERS }, (_, turn) => worker(server, at, turn)))

  return {
    admitted,
    wrong,
    took,
    degraded: () => degraded,
    async recovered(withinMs) {
      const asked = performance.now()
      while (answers.some(({ began }) => began < asked)) {
        if (performance.now() - asked > withinMs) return false
        await sleep(5)
      }
      return true
    },
    async stop() {
      running = false
      await Promise.all(workers)
      await Promise.all(overdue)
    },
  }
}
