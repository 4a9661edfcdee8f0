import type { FastifyReply, FastifyRequest } from 'fastify'
import { type AppError, unavailable } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** performance.now() at its arrival. */
    began: number
    /** What still holds the request: its answer on the wire, its work. */
    holds: number
    /** Counted among those of whom nobody knows who they are. */
    isStranger: boolean
  }
}

/** Bounds the work in progress and lets it run out. A request counts until its answer has left and its work has ended, whichever is later. */
export interface Gate {
  /** Why the request may not come in; undefined: it is in, and `ended` is called once its answer has left or its client has. */
  enter(request: FastifyRequest, reply: FastifyReply, ended: () => void): AppError | undefined
  /** For a request that takes no place: it ends its connection, and `ended` is called then. */
  turnAway(request: FastifyRequest, reply: FastifyReply, ended: () => void): void
  /** Nobody knows who sent the request. Why it may not stay; then it counts no longer. */
  enterStranger(request: FastifyRequest): AppError | undefined
  /** Its sender turned out to be one of ours. */
  know(request: FastifyRequest): void
  /**
   * Keeps the request counted while its handler runs, also when its client goes; call the returned function once, when it ends. undefined:
   * the client went before, the request counts no longer and is not to be worked on.
   */
  hold(request: FastifyRequest): (() => void) | undefined
  inFlight(): number
  /** From now on only the liveness probe comes in. */
  shut(): void
  isShut(): boolean
}

const isHealth = (url: string): boolean => url.startsWith('/health/')
const isLiveness = (url: string): boolean => url.startsWith('/health/live')

const stopping = () => unavailable('stopping', 'this server is stopping; ask again, another one answers', { retry_after: 1 })
const overloaded = () =>
  unavailable('overloaded', 'this server has more requests in hand than it can work on; ask again in a second', {
    retry_after: 1,
  })

/** Of all places: what strangers begin and never take the answer of leaves the rest to callers of ours. */
const SHARE_OF_STRANGERS = 0.75

export const gate = (maxInFlight: number): Gate => {
  const maxStrangers = Math.ceil(maxInFlight * SHARE_OF_STRANGERS)
  let inFlight = 0
  let strangers = 0
  let shut = false

  const know = (request: FastifyRequest): void => {
    if (request.isStranger) strangers -= 1
    request.isStranger = false
  }

  const release = (request: FastifyRequest): void => {
    request.holds -= 1
    if (request.holds > 0) return
    know(request)
    inFlight -= 1
  }

  return {
    enter(request, reply, ended) {
      request.began = performance.now()
      const { url } = request
      const refusal = shut && !isLiveness(url) ? stopping() : inFlight >= maxInFlight && !isHealth(url) ? overloaded() : undefined
      if (!refusal) {
        inFlight += 1
        request.holds = 1
      }
      // 'close' comes after every end, also when the client goes away; 'finish' does not.
      reply.raw.on('close', () => {
        if (request.holds > 0) release(request)
        ended()
      })
      return refusal
    },
    turnAway(request, reply, ended) {
      request.began = performance.now()
      reply.header('connection', 'close').raw.on('close', ended)
    },
    enterStranger(request) {
      if (request.holds === 0 || isHealth(request.url)) return undefined
      if (strangers >= maxStrangers) {
        release(request)
        return overloaded()
      }
      strangers += 1
      request.isStranger = true
      return undefined
    },
    know,
    hold(request) {
      if (request.holds === 0) return undefined
      request.holds += 1
      return () => release(request)
    },
    inFlight: () => inFlight,
    shut: () => {
      shut = true
    },
    isShut: () => shut,
  }
}
