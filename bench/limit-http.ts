import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type PlainClaim, takeTurns } from './claim.ts'
import { load, request, times } from './http-load.ts'

const CONCURRENCY = 64
/** Until the server's code is compiled for speed: short of it a round tells of the compiler. By number, as a busy machine does less in a second. */
const WARM_UP = 20_000
/** One that nobody reaches, and one that the second request does. */
const [WIDE, SPENT] = [1_000_000_000, 1]

interface Limited {
  readonly port: number
  /** Microseconds of processor time spent. */
  cpu(): Promise<number>
  stop(): Promise<void>
}

const start = async (server: string, limit: number): Promise<Limited> => {
  const child = fork(join(import.meta.dirname, 'serve-limited.ts'), [server, String(limit)])
  const ended = once(child, 'exit')
  const [{ port }] = await Promise.race([
    once(child, 'message'),
    ended.then(() => {
      throw new Error(`serve-limited.ts ${server} ended before it listened`)
    }),
  ])
  return {
    port: Number(port),
    async cpu() {
      const told = once(child, 'message')
      child.send('cpu')
      const [{ cpu }] = await told
      return Number(cpu.user) + Number(cpu.system)
    },
    async stop() {
      child.disconnect()
      await ended
    },
  }
}

/** A conversation of 4 kB, as a chat's request is. */
const conversation = JSON.stringify({
  model: 'model-1',
  messages: Array.from({ length: 10 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: 'what was said '.repeat(26) })),
})
const post = request('POST', '/completions', undefined, conversation)
const get = request('GET', '/items/item_1', undefined)

/** Requests by second of the server's processor time: what the load and the machine's other work take does not count. */
const measure =
  ({ port, cpu }: Limited, same: Buffer, count: number, status: '2' | '4') =>
  async (): Promise<number> => {
    const before = await cpu()
    const { answers } = await load(port, CONCURRENCY, times(count, same), status)
    return answers / (((await cpu()) - before) / 1_000_000)
  }

const CONTESTANTS = [
  ['ours', WIDE, post],
  ['fastify', WIDE, post],
  ['ours', SPENT, post],
  ['@fastify/rate-limit', WIDE, post],
  ['@fastify/rate-limit', SPENT, post],
  ['express', WIDE, post],
  ['express-rate-limit', WIDE, post],
  ['express-rate-limit', SPENT, post],
  ['ours', WIDE, get],
  ['fastify', WIDE, get],
  ['ours', SPENT, get],
] as const

/** The first of them are what is claimed, in many short rounds: what else the machine does then falls on all alike. */
const CLAIMED = 3

/** A Fastify route that takes a conversation of 4 kB, checks it by its schema and answers from memory, with our plugin and without. */
export const limitHttp: PlainClaim = {
  name: 'limit-http',
  unit: 'requests/CPU s',
  goal: 0.95,
  async measure({ short }) {
    const count = short ? 2_000 : 4_000
    const rounds = short ? 16 : 60
    const servers: Limited[] = []
    try {
      const turns: (() => Promise<number>)[] = []
      for (const [name, limit, same] of CONTESTANTS) {
        const server = await start(name, limit)
        servers.push(server)
        // The one request that a narrow limit holds.
        await load(server.port, 1, times(1, same))
        const status = limit === SPENT ? '4' : '2'
        await load(server.port, CONCURRENCY, times(WARM_UP, same), status)
        turns.push(measure(server, same, count, status))
      }
      const [ours = 0, bare = 0, denied = 0] = await takeTurns(rounds, turns.slice(0, CLAIMED))
      const [peer = 0, peerDenied = 0, express = 0, third = 0, thirdDenied = 0, ...least] = await takeTurns(
        rounds / 4,
        turns.slice(CLAIMED),
      )
      const us = (perSecond = 0): string => `${(1_000_000 / perSecond).toFixed(1)} µs`
      const share = (limited: number, without: number): string => (limited / without).toFixed(3)
      return {
        ours,
        reference: bare,
        also: [{ what: 'a refusal against the bare route', ratio: denied / bare, goal: 1 }],
        notes: [
          `${CONCURRENCY} in flight, ${rounds} rounds of ${count.toLocaleString('en')} by turns, medians; processor time of the server alone`,
          `a request: ours ${us(ours)}, bare ${us(bare)}, refused ${us(denied)}`,
          `@fastify/rate-limit: ${share(peer, bare)} of the bare route, refused ${share(peerDenied, bare)}`,
          `express-rate-limit: ${share(third, express)} of the bare route on Express, refused ${share(thirdDenied, express)}`,
          `a GET that does nothing: ours ${us(least[0])}, bare ${us(least[1])}, refused ${us(least[2])}`,
        ],
      }
    } finally {
      for (const server of servers) await server.stop()
    }
  },
}
