import { type Answer, answering, joined } from './answer.ts'
import type { RateLimitOptions } from './options.ts'
import { type ClosingLike, waitWithClient } from './shaped-wait.ts'

/** The parts of a Fastify reply that are used. */
export interface FastifyReplyLike {
  readonly raw: ClosingLike
  getHeader(name: string): unknown
  header(name: string, value: string): unknown
  code(status: number): unknown
  send(body: string): unknown
}

type Hook<Request> = (request: Request, reply: FastifyReplyLike, done: (error?: Error) => void) => void

/** The parts of a Fastify instance that are used. */
export interface FastifyLike<Request> {
  addHook(name: 'onRequest', hook: Hook<Request>): unknown
}

export type FastifyRateLimit<Request> = (instance: FastifyLike<Request>, options: unknown, done: () => void) => void

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/**
 * A Fastify plugin that limits all routes of the instance that registers it, before their bodies are read.
 *
 *     const asks = (request: FastifyRequest) => [{ limit: 'api', key: request.ip }]
 *     app.register(fastifyRateLimit({ limiter, limits, asks, random: Math.random }))
 */
export const fastifyRateLimit = <Request>(options: RateLimitOptions<Request>): FastifyRateLimit<Request> => {
  const { decide, sleep } = answering(options)

  const carryOut = (
    { policies, left, refusal, delayMs }: Answer,
    reply: FastifyReplyLike,
    done: (error?: Error) => void,
  ): void => {
    if (policies !== '') {
      reply.header('ratelimit-policy', joined(reply.getHeader('ratelimit-policy'), policies))
      reply.header('ratelimit', joined(reply.getHeader('ratelimit'), left))
    }
    if (refusal) {
      for (const [name, value] of refusal.fields) reply.header(name, value)
      reply.code(refusal.status)
      reply.send(refusal.body)
    } else if (delayMs > 0) {
      waitWithClient(reply.raw, (gone) => sleep(delayMs, gone)).then((isThere) => {
        if (isThere) done()
      }, done)
    } else done()
  }

  const hook: Hook<Request> = (request, reply, done) => {
    try {
      const answer = decide(request)
      if (answer instanceof Promise)
        answer.then((late) => carryOut(late, reply, done)).catch((thrown: unknown) => done(asError(thrown)))
      else carryOut(answer, reply, done)
    } catch (thrown) {
      done(asError(thrown))
    }
  }

  const plugin: FastifyRateLimit<Request> = (instance, _options, done) => {
    instance.addHook('onRequest', hook)
    done()
  }
  // The marks by which Fastify lets a plugin act on the instance that registers it, and names it in errors.
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'cognitionos-ratelimits',
  })
}
