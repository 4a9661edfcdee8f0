import { registerHooks } from 'node:module'

/** Prints what the embedded limiters decide, and every module that came with them: the library must pull in nothing of the server. */
const loaded = []
registerHooks({
  load(url, context, next) {
    loaded.push(url)
    return next(url, context)
  },
})
const { createConcurrencyLimiter, createLimiter, createRedisLimiter } = await import('cognitionos/ratelimits')

const limits = { api: { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 86_400_000, anchor: 'first_use' } }
const asks = [{ limit: 'api', key: 'a' }]
const twice = async (limiter) => [(await limiter.acquire(asks)).allowed, (await limiter.acquire(asks)).allowed]

const agents = createConcurrencyLimiter({ limits: { agents: 1 } })
const hold = (id) => agents.tryAcquireAll([{ limit: 'agents', key: 'a' }], { id, holder: 'h' }).allowed

/** Of a client that reaches no server: the limiter counts its share here. */
const away = async () => {
  throw new Error('no server')
}

console.log(
  JSON.stringify({
    memory: await twice(createLimiter({ limits })),
    redis: await twice(createRedisLimiter({ limits, client: { evalsha: away, eval: away } })),
    inFlight: [hold('one'), hold('two'), agents.release('one'), hold('two')],
    foreign: loaded.filter((url) => !/^node:|\/modules\/ratelimits\/limiter\//.test(url)),
  }),
)
