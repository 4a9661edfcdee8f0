import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Authenticator } from '../auth/authenticate.ts'
import type { Caller } from '../auth/caller.ts'
import { AppError } from '../errors.ts'
import type { Gate } from './gate.ts'
import { enforce, type LimitAnswer, type RequestLimits } from './request-limits.ts'

export interface AdmissionDeps {
  readonly authenticator: Authenticator
  readonly limits?: RequestLimits | undefined
}

/** Finds out who calls; a promise only where the database must be asked. Throws what `authenticate` throws, RateLimited, or 503 `overloaded`. */
export type Admission = (request: FastifyRequest, reply: FastifyReply, door: Gate) => Caller | Promise<Caller>

const isRefusal = (error: unknown): boolean =>
  error instanceof AppError && (error.kind === 'unauthenticated' || error.kind === 'forbidden')

/** Where nobody is asked for a key. Throws RateLimited, or 503 `overloaded`. */
export const admitAnyone = ({ limits }: AdmissionDeps, request: FastifyRequest, reply: FastifyReply, door: Gate): void => {
  const full = door.enterStranger(request)
  if (full) throw full
  const usedUp = limits?.byAddress(request.ip)
  if (usedUp) enforce(reply, usedUp)
}

export const admission = ({ authenticator, limits }: AdmissionDeps): Admission => {
  /** Counted at its address, unless the key is good or nobody could tell: an outage is not the caller's fault. */
  const counted = async ({ headers, ip }: FastifyRequest): Promise<Caller> => {
    let refused = false
    try {
      return await authenticator.authenticate(headers)
    } catch (error) {
      refused = isRefusal(error)
      throw error
    } finally {
      if (!refused) limits?.giveBack(ip)
    }
  }

  /** The address is used up, and the key may be good all the same. If it is not, nothing is told but that the address is used up. */
  const spared = (request: FastifyRequest, reply: FastifyReply, usedUp: LimitAnswer): Promise<Caller> =>
    authenticator.authenticate(request.headers).catch((error: unknown) => {
      if (isRefusal(error)) enforce(reply, usedUp)
      throw error
    })

  const identify = (request: FastifyRequest, reply: FastifyReply): Promise<Caller> => {
    const usedUp = limits?.byAddress(request.ip)
    if (!usedUp) return counted(request)
    // What is no key of ours by its checksum is not looked at, and uses up nobody's chance.
    if (authenticator.isWellFormed(request.headers) && limits?.spare(request.ip)) return spared(request, reply, usedUp)
    enforce(reply, usedUp)
    return counted(request)
  }

  return (request, reply, door) => {
    // Whose key was good before is no stranger, whatever others do from the same address; within a second nobody is even asked.
    const known = authenticator.recall(request.headers)
    if (known) return known
    if (authenticator.remembers(request.headers)) return authenticator.authenticate(request.headers)
    const full = door.enterStranger(request)
    if (full) throw full
    return identify(request, reply).then((caller) => {
      door.know(request)
      return caller
    })
  }
}
