import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import Fastify, { type FastifyRequest } from 'fastify'
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest'
import type { Decision } from '../decision.ts'
import { type MemoryLimiter, memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import type { RedisLimiter } from '../redis/limiter.ts'
import { expressRateLimit } from './express.ts'
import { fastifyRateLimit } from './fastify.ts'
import { honoRateLimit } from './hono.ts'
import type { Limiter, RateLimitOptions } from './options.ts'

const limits: Readonly<Record<string, Policy>> = {
  burst: { algorithm: 'FIXED_WINDOW', limit: 2, windowMs: 60_000 },
  daily: { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: 86_400_000 },
  spend: { algorithm: 'COST_BASED', limit: '1.00', windowMs: 60_000 },
  evenly: { algorithm: 'LEAKY_BUCKET', capacity: 2, leak: { amount: 1, perMs: 1_000 }, mode: 'shaper' },
}
const START_US = 19_675 * 86_400_000_000
const fresh = (): MemoryLimiter => memoryLimiter({ limits, now: () => START_US, seed: 1 })

interface Got {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

interface Stand {
  readonly limiter?: Limiter
  readonly asked?: readonly string[]
  readonly slept?: number[]
  /** A limiter in front of this one. */
  readonly front?: Stand
}

const optionsOf = ({ limiter = fresh(), asked = ['burst', 'daily', 'spend'], slept = [] }: Stand): RateLimitOptions<unknown> => ({
  limiter,
  limits,
  random: () => 0.5,
  asks: () => asked.map((limit) => ({ limit, key: 'k' })),
  sleep: async (ms) => {
    slept.push(ms)
  },
})

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const listen = async (handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
  const server = createServer(handle)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closing.push(() => server.close())
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
}

const read = async (response: Response): Promise<Got> => ({
  status: response.status,
  headers: response.headers,
  body: await response.text(),
})

/** One request to a server that answers 'served', by each adapter in its own surroundings. */
const ADAPTERS: Readonly<Record<string, (stand: Stand) => () => Promise<Got>>> = {
  fastify(stand) {
    const app = Fastify()
    for (const one of [stand.front, stand]) if (one) app.register(fastifyRateLimit(optionsOf(one)))
    app.get('/', async () => 'served')
    closing.push(() => app.close())
    return async () => {
      const { statusCode, headers, body } = await app.inject('/')
      const pairs = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)])
      return { status: statusCode, headers: new Headers(pairs), body }
    }
  },
  'node:http, as Express calls it': (stand) => {
    const [limit, front] = [stand, stand.front].map((one) => one && expressRateLimit(optionsOf(one)))
    const url = listen((request, response) => {
      const serve = (error?: unknown) => {
        response.statusCode = error === undefined ? 200 : 500
        response.end(error === undefined ? 'served' : String(error))
      }
      const limited = () => limit?.(request, response, serve)
      return front ? front(request, response, limited) : limited()
    })
    return async () => read(await fetch(await url))
  },
  'Web Response, as Hono calls it': (stand) => {
    const [limit, front] = [stand, stand.front].map((one) => one && honoRateLimit(optionsOf(one)))
    return async () => {
      let response: Response | undefined
      const context = {
        req: { raw: new Request('http://localhost/') },
        header: (name: string, value: string) => response?.headers.append(name, value),
      }
      const serve = async () => {
        response = new Response('served')
      }
      const limited = async () => {
        response = (await limit?.(context, serve)) ?? response
      }
      try {
        return await read((await (front ? front(context, limited) : limited())) ?? response ?? Response.error())
      } catch (thrown) {
        return read(new Response(String(thrown), { status: 500 }))
      }
    }
  },
}

describe.each(Object.entries(ADAPTERS))('%s', (_, adapter) => {
  test('an allowed request is served, with what its limits hold and have left; money is not told', async () => {
    const { status, headers, body } = await adapter({})()
    expect([status, body]).toEqual([200, 'served'])
    expect(headers.get('ratelimit-policy')).toBe('"burst";q=2;w=60,"daily";q=1000;w=86400')
    expect(headers.get('ratelimit')).toBe('"burst";r=1;t=60,"daily";r=999;t=86400')
    expect(headers.get('retry-after')).toBeNull()
  })

  test('a refused request is answered by a problem that names the policy, and is not handled', async () => {
    const ask = adapter({})
    await ask()
    await ask()
    const { status, headers, body } = await ask()
    expect(status).toBe(429)
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    expect(headers.get('retry-after')).toBe('63')
    expect(headers.get('ratelimit')).toBe('"burst";r=0;t=60,"daily";r=998;t=86400')
    expect(JSON.parse(body)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      detail: "refused by policy 'burst'; retry in 63 s",
      'violated-policies': ['burst'],
    })
  })

  test('a limiter that answers later is waited for, and without its store the refusal is the server’s', async () => {
    const memory = fresh()
    const limiter: Limiter = {
      acquire: async (asks): Promise<Decision> => ({ ...memory.tryAcquireAll(asks), degraded: true }),
    }
    const ask = adapter({ limiter })
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200])
    const { status, body } = await ask()
    expect(status).toBe(503)
    expect(JSON.parse(body)).toMatchObject({ type: expect.stringMatching(/#temporary-reduced-capacity$/) })
  })

  test('a shaper’s delay is waited out before the request is served', async () => {
    const slept: number[] = []
    const ask = adapter({ asked: ['evenly'], slept })
    for (let i = 0; i < 2; i += 1) expect((await ask()).body).toBe('served')
    expect(slept).toEqual([1_000])
  })

  test('a limiter behind another adds its limits to those that are told already, allowed or refused', async () => {
    const ask = adapter({ front: { asked: ['daily'] }, asked: ['burst'] })
    const told = async () => (await ask()).headers.get('ratelimit')?.split(/, ?/).toSorted()
    expect(await told()).toEqual(['"burst";r=1;t=60', '"daily";r=999;t=86400'])
    await ask()
    expect(await told()).toEqual(['"burst";r=0;t=60', '"daily";r=997;t=86400'])
    const { status, headers } = await ask()
    expect(status).toBe(429)
    expect(headers.get('ratelimit-policy')?.split(/, ?/).toSorted()).toEqual(['"burst";q=2;w=60', '"daily";q=1000;w=86400'])
  })

  test('a request that no limit concerns is served without fields', async () => {
    const { status, headers } = await adapter({ asked: [] })()
    expect(status).toBe(200)
    expect(headers.get('ratelimit')).toBeNull()
  })

  test.each<[string, Limiter]>([
    ['throws', fresh()],
    ['rejects', { acquire: async (asks) => fresh().tryAcquireAll(asks) }],
  ])('a mistake that %s is an error of the server, neither served nor told as a refusal', async (_kind, limiter) => {
    const { status, body } = await adapter({ limiter, asked: ['unknown'] })()
    expect(status).toBe(500)
    expect(body).toMatch(/there is no limit 'unknown'/)
  })
})

/** A shaper's second request, whose client goes away while it waits: how often it was handled, and what became of the wait. */
const leaving = (): { options: RateLimitOptions<unknown>; waiting: Promise<AbortSignal>; over: Promise<void> } => {
  const [waiting, over] = [Promise.withResolvers<AbortSignal>(), Promise.withResolvers<void>()]
  const sleep = async (_ms: number, gone: AbortSignal): Promise<void> => {
    waiting.resolve(gone)
    await new Promise<void>((resolve) => gone.addEventListener('abort', () => resolve()))
    setTimeout(over.resolve, 20)
  }
  return { options: { ...optionsOf({ asked: ['evenly'] }), sleep }, waiting: waiting.promise, over: over.promise }
}

describe('a client that goes away while its request waits ends the wait, and the request is not handled', () => {
  const handled = vi.fn()
  afterEach(() => handled.mockClear())
  const leave = async (url: string, { waiting, over }: ReturnType<typeof leaving>): Promise<void> => {
    expect(await (await fetch(url)).text()).toBe('served')
    const client = new AbortController()
    const answer = fetch(url, { signal: client.signal })
    expect((await waiting).aborted).toBe(false)
    client.abort()
    await expect(answer).rejects.toThrow(/abort/i)
    await over
    expect(handled).toHaveBeenCalledTimes(1)
  }

  test('fastify', async () => {
    const stand = leaving()
    const app = Fastify()
    closing.push(() => app.close())
    app.register(fastifyRateLimit(stand.options))
    app.get('/', async () => {
      handled()
      return 'served'
    })
    await leave(await app.listen({ port: 0, host: '127.0.0.1' }), stand)
  })

  test('node:http, as Express calls it', async () => {
    const stand = leaving()
    const limit = expressRateLimit(stand.options)
    const url = await listen((request, response) =>
      limit(request, response, () => {
        handled()
        response.end('served')
      }),
    )
    await leave(url, stand)
  })

  test('Web Request, as Hono has it', async () => {
    const { options, waiting } = leaving()
    const limit = honoRateLimit(options)
    const client = new AbortController()
    const context = { req: { raw: new Request('http://localhost/', { signal: client.signal }) }, header: () => {} }
    const next = async () => handled()
    await limit(context, next)
    const answer = limit(context, next)
    await waiting
    client.abort()
    expect((await answer)?.status).toBe(499)
    expect(handled).toHaveBeenCalledTimes(1)
  })
})

test('the Fastify plugin limits the routes of the instance that registers it, by the request as Fastify types it', async () => {
  const app = Fastify()
  closing.push(() => app.close())
  const asks = ({ ip }: FastifyRequest) => [{ limit: 'burst', key: ip }]
  app.register(async (inner) => {
    inner.register(fastifyRateLimit({ limiter: fresh(), limits, random: () => 0, asks }))
    inner.get('/limited', async () => 'served')
  })
  app.get('/free', async () => 'served')
  const status = async (url: string) => (await app.inject(url)).statusCode
  const limited = [await status('/limited'), await status('/limited'), await status('/limited')]
  expect(limited).toEqual([200, 200, 429])
  expect([await status('/free'), await status('/free'), await status('/free')]).toEqual([200, 200, 200])
})

test('a limit whose name cannot stand in a field is refused before any request', () => {
  const wrong = { ...optionsOf({}), limits: { 'tägl.': { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 1_000 } as const } }
  const makes = [() => fastifyRateLimit(wrong), () => expressRateLimit(wrong), () => honoRateLimit(wrong)]
  for (const make of makes) expect(make).toThrow(/printable ASCII/)
})

test('the limiters in memory and in Redis are ones that an adapter takes, held by the compiler', () => {
  expectTypeOf<MemoryLimiter>().toExtend<Limiter>()
  expectTypeOf<RedisLimiter>().toExtend<Limiter>()
})
