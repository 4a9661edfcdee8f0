import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Audit, AuditEntry } from '../auth/audit.ts'
import { type Authenticator, KeyRefused } from '../auth/authenticate.ts'
import type { Caller } from '../auth/caller.ts'
import type { Clock } from '../clock.ts'
import type { ControlTx, Database } from '../db/database.ts'
import { AppError } from '../errors.ts'
import { admission, admitAnyone } from './admission.ts'
import { authorize, tenantOf, tenantReader } from './authorize.ts'
import type { Gate } from './gate.ts'
import { claimantOf, type Held, type Idempotency, readKey, requestHash, type StoredReply } from './idempotency.ts'
import { enforce, type LimitAnswer, RateLimited, type RequestLimits } from './request-limits.ts'
import type { Context, Route } from './route.ts'
import { checker } from './validation.ts'

export interface DispatchDeps {
  readonly db: Pick<Database, 'control'>
  readonly clock: Clock
  readonly authenticator: Authenticator
  readonly audit: Audit
  readonly idempotency: Idempotency
  /** undefined: requests are not limited. */
  readonly limits?: RequestLimits | undefined
  /** Tests check each reply against its schema: the published description cannot drift from what is sent. */
  readonly checkReplies: boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; undefined before authentication and on public routes. */
    caller: Caller | undefined
    /** The tenant meant, once known; for logs and traces. */
    tenantId: string | undefined
  }
}

export interface Endpoint {
  /** Before the body is read: a stranger learns nothing and costs nothing. Most requests need no promise for it. */
  readonly admit: (request: FastifyRequest, reply: FastifyReply, door: Gate, done: (error?: Error) => void) => void
  /** Counted at the door until it ends, also when its client goes meanwhile; whose client went before is not begun. */
  readonly handle: (request: FastifyRequest, reply: FastifyReply, door: Gate) => Promise<void>
}

type Incoming = Context<unknown, unknown, unknown>

const JSON_TYPE = 'application/json; charset=utf-8'
/** Of a public route, which asks for no key. */
const ANYONE: Caller = { kind: 'operator', keyId: '', scopes: new Set() }

const pathOf = (url: string): string => {
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}

/** Whose refusal is noted: a bad key, a missing scope, another tenant's id, a quota. */
const isDenial = (error: unknown, caller: Caller | undefined): error is AppError =>
  error instanceof AppError &&
  (error.kind === 'unauthenticated' ||
    error.kind === 'forbidden' ||
    error.kind === 'quota' ||
    (error.code === 'tenant_not_found' && caller?.kind === 'tenant'))

/** One route's way through: authenticate → authorise → validate → run in its unit → store and send the reply. */
export const dispatcher = <S>(route: Route<S>, services: S, deps: DispatchDeps): Endpoint => {
  const { db, clock, audit, idempotency, limits } = deps
  const identify = admission(deps)
  const checkParams = route.params && checker(route.params, 'params')
  const checkQuery = route.query && checker(route.query, 'query')
  const checkBody = route.body && checker(route.body, 'body')
  const checkReply = deps.checkReplies && route.status !== 204 ? checker(route.reply, 'reply') : undefined
  const namedTenant = tenantReader(route)
  const status = route.status ?? 200
  const isPublic = route.access === 'public'
  const mutates = route.method !== 'GET'
  const audited = mutates && route.audit !== false

  const entry = (request: FastifyRequest, tenantId: string | null, outcome: 'done' | 'denied', code?: string): AuditEntry => ({
    tenantId,
    actorKind: request.caller?.kind ?? 'anonymous',
    actorId: request.caller?.keyId ?? null,
    operation: route.id,
    target: pathOf(request.url).slice(0, 300),
    outcome,
    ...(code === undefined ? {} : { code }),
    requestId: request.id,
    ip: request.ip,
  })

  const noteDenial = (request: FastifyRequest, error: unknown): void => {
    const { caller } = request
    if (!isDenial(error, caller)) return
    const denied = entry(request, caller?.kind === 'tenant' ? caller.tenantId : null, 'denied', error.code)
    if (!(error instanceof RateLimited)) audit.denied(denied)
    else if (error.record) audit.denied({ ...denied, detail: error.record })
  }

  const read = (request: FastifyRequest, reply: FastifyReply): Incoming => {
    const caller = request.caller ?? ANYONE
    checkParams?.(request.params)
    checkQuery?.(request.query)
    // Left out, a body is an empty one: where all fields are optional it need not be sent, and else the missing ones are named.
    const body = checkBody && request.body === undefined ? {} : request.body
    checkBody?.(body, request.rawBody?.length)
    const parts = { params: request.params, query: request.query, body: checkBody ? body : undefined }
    const tenantId = tenantOf(caller, namedTenant(parts))
    request.tenantId = tenantId
    const idempotencyKey = route.method === 'POST' && !isPublic ? readKey(request.headers['idempotency-key']) : undefined
    let at: Temporal.Instant | undefined
    return {
      caller,
      tenantId,
      ...parts,
      requestId: request.id,
      idempotencyKey,
      head: reply,
      // One instant a request, and none where nobody asks: thousands a second do not.
      get now() {
        at ??= clock.now()
        return at
      },
    }
  }

  const serialize = (value: unknown): StoredReply => {
    try {
      checkReply?.(value)
    } catch (error) {
      throw new Error(`the reply of ${route.id} does not fit its schema: ${error}`, { cause: error })
    }
    const given = route.underWay?.(value) ? 202 : status
    return { status: given, body: given === 204 ? '' : JSON.stringify(value), contentType: JSON_TYPE }
  }

  const inUnit = <T>({ tenantId }: Incoming, readOnly: boolean, work: (tx: ControlTx) => Promise<T>): Promise<T> =>
    tenantId === undefined
      ? db.control.asOperator(route.id, work, { readOnly })
      : db.control.inTenant(tenantId, work, { readOnly })

  const perform = async (request: FastifyRequest, context: Incoming, held: Held | undefined): Promise<StoredReply> => {
    const done = () => entry(request, context.tenantId ?? null, 'done')
    if (route.unit === 'steps') {
      const reply = serialize(await route.run(context, services))
      if (audited) await audit.done(done())
      if (held) await idempotency.finishAlone(held, reply)
      return reply
    }
    return inUnit(context, route.unit === 'read', async (tx) => {
      const reply = serialize(await route.run({ ...context, tx }, services))
      // Both ride one pipeline; the first to fail undoes the transaction.
      await Promise.all([
        audited ? audit.record(tx, done()) : undefined,
        held ? idempotency.finish(tx, held, reply, context.tenantId) : undefined,
      ])
      return reply
    })
  }

  type Answer = StoredReply & { readonly replayed?: true }

  const once = async (request: FastifyRequest, context: Incoming, key: string): Promise<Answer> => {
    const claim = { ...claimantOf(context.caller), operation: `${route.method} ${pathOf(request.url)}`, key }
    const held = await idempotency.begin(claim, requestHash(route.method, request.url, request.rawBody))
    if (!('lease' in held)) return { ...held, replayed: true }
    try {
      return await perform(request, context, held)
    } catch (error) {
      await idempotency
        .release(held)
        .catch((failure: unknown) =>
          request.log.warn({ err: failure, request_id: request.id }, 'a key stays claimed until its lease ends'),
        )
      throw error
    }
  }

  const know = (request: FastifyRequest, caller: Caller): void => {
    request.caller = caller
    if (caller.kind === 'tenant') request.tenantId = caller.tenantId
  }

  const letIn = (reply: FastifyReply, caller: Caller, limited: LimitAnswer | undefined): void => {
    if (limited) enforce(reply, limited)
    authorize(route, caller)
  }

  const admitCaller = (request: FastifyRequest, reply: FastifyReply, caller: Caller): void | Promise<void> => {
    know(request, caller)
    const limited = limits?.byCaller(caller)
    if (!(limited instanceof Promise)) return letIn(reply, caller, limited)
    return limited.then((answer) => letIn(reply, caller, answer))
  }

  const admit = (request: FastifyRequest, reply: FastifyReply, door: Gate): void | Promise<void> => {
    if (isPublic) return admitAnyone(deps, request, reply, door)
    const caller = identify(request, reply, door)
    return caller instanceof Promise
      ? caller.then((found) => admitCaller(request, reply, found))
      : admitCaller(request, reply, caller)
  }

  return {
    admit(request, reply, door, done) {
      const refuse = (error: unknown): void => {
        if (error instanceof KeyRefused) know(request, error.caller)
        noteDenial(request, error)
        done(error instanceof Error ? error : new Error(String(error)))
      }
      let waiting: void | Promise<void>
      try {
        waiting = admit(request, reply, door)
      } catch (error) {
        return refuse(error)
      }
      if (waiting) waiting.then(() => done(), refuse)
      else done()
    },

    async handle(request, reply, door) {
      const release = door.hold(request)
      if (!release) {
        reply.hijack() // nobody is there to answer
        return
      }
      try {
        const context = read(request, reply)
        const { idempotencyKey: key } = context
        const answer: Answer = await (key === undefined ? perform(request, context, undefined) : once(request, context, key))
        reply.code(answer.status)
        if (answer.status !== 204) reply.header('content-type', answer.contentType)
        if (answer.replayed) reply.header('idempotent-replayed', 'true')
        if (door.isShut()) reply.header('connection', 'close')
        // Not returned: a reply is a thenable, and whoever resolves with it waits once more.
        reply.send(answer.body)
      } catch (error) {
        noteDenial(request, error)
        throw error
      } finally {
        release()
      }
    },
  }
}
