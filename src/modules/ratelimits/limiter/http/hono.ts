import { answering, type Fields } from './answer.ts'
import type { RateLimitOptions } from './options.ts'

/** The parts of a Hono context that are used. */
export interface HonoContextLike {
  readonly req: { readonly raw: { readonly signal: AbortSignal } }
  header(name: string, value: string, options: { readonly append: true }): void
}

/** What nobody hears, since the client has gone away. */
const CLIENT_GONE = 499

export type HonoRateLimit<Context> = (context: Context, next: () => Promise<void>) => Promise<Response | undefined>

/**
 * A middleware of Hono.
 *
 *     const asks = (context: Context) => [{ limit: 'api', key: context.req.header('x-api-key') ?? '' }]
 *     app.use(honoRateLimit({ limiter, limits, asks, random: Math.random }))
 */
export const honoRateLimit = <Context extends HonoContextLike>(options: RateLimitOptions<Context>): HonoRateLimit<Context> => {
  const { decide, sleep } = answering(options)
  return async (context, next) => {
    const { policies, left, refusal, delayMs } = await decide(context)
    const lists: Fields =
      policies === ''
        ? []
        : [
            ['ratelimit-policy', policies],
            ['ratelimit', left],
          ]
    if (refusal)
      return new Response(refusal.body, {
        status: refusal.status,
        headers: new Headers([...lists, ...refusal.fields].map(([...field]) => field)),
      })
    if (delayMs > 0) {
      const { signal } = context.req.raw
      await sleep(delayMs, signal)
      if (signal.aborted) return new Response(null, { status: CLIENT_GONE })
    }
    await next()
    // Afterwards: a handler that answers with a Response of its own would leave out what was set before it.
    for (const [name, items] of lists) context.header(name, items, { append: true })
    return undefined
  }
}
