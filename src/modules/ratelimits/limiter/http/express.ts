import { type Answer, answering, joined } from './answer.ts'
import type { RateLimitOptions } from './options.ts'
import { type ClosingLike, waitWithClient } from './shaped-wait.ts'

/** The parts of node:http's ServerResponse that are used; Express's response is one. */
export interface ResponseLike extends ClosingLike {
  statusCode: number
  getHeader(name: string): unknown
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

export type Next = (error?: unknown) => void
export type ExpressRateLimit<Request> = (request: Request, response: ResponseLike, next: Next) => void

/**
 * A middleware of Express, Connect or bare node:http.
 *
 *     const asks = (request: Request) => [{ limit: 'api', key: request.ip ?? '' }]
 *     app.use(expressRateLimit({ limiter, limits, asks, random: Math.random }))
 */
export const expressRateLimit = <Request>(options: RateLimitOptions<Request>): ExpressRateLimit<Request> => {
  const { decide, sleep } = answering(options)

  const carryOut = ({ policies, left, refusal, delayMs }: Answer, response: ResponseLike, next: Next): void => {
    if (policies !== '') {
      response.setHeader('ratelimit-policy', joined(response.getHeader('ratelimit-policy'), policies))
      response.setHeader('ratelimit', joined(response.getHeader('ratelimit'), left))
    }
    if (refusal) {
      for (const [name, value] of refusal.fields) response.setHeader(name, value)
      response.statusCode = refusal.status
      response.end(refusal.body)
    } else if (delayMs > 0)
      waitWithClient(response, (gone) => sleep(delayMs, gone))
        .then((isThere) => isThere && next())
        .catch(next)
    else next()
  }

  return (request, response, next) => {
    let answer: Answer | Promise<Answer>
    try {
      answer = decide(request)
    } catch (thrown) {
      next(thrown)
      return
    }
    if (answer instanceof Promise) answer.then((late) => carryOut(late, response, next)).catch(next)
    else carryOut(answer, response, next)
  }
}
