import type { FastifyReply, FastifyRequest } from 'fastify'
import { sql } from 'kysely'
import type { Audit, AuditEntry } from '../auth/audit.ts'
import type { Authenticator } from '../auth/authenticate.ts'
import { type Caller, may } from '../auth/caller.ts'
import type { Clock } from '../clock.ts'
import type { ControlTx, Database } from '../db/database.ts'
import { OPERATOR_ROLE } from '../db/roles.ts'
import { AppError, forbidden, notFound } from '../errors.ts'
import { type Held, type Idempotency, readKey, requestHash, type StoredReply, scopeOf } from './idempotency.ts'
import type { Context, Route } from './route.ts'
import { check, compile } from './validation.ts'

export interface DispatchDeps {
  readonly db: Database
  readonly clock: Clock
  readonly authenticator: Authenticator
  readonly audit: Audit
  readonly idempotency: Idempotency
  /** Tests check each reply against its schema: the published description cannot drift from what is sent. */
  readonly checkReplies: boolean
}

const JSON_TYPE = 'application/json; charset=utf-8'

interface Prepared {
  readonly caller: Caller
  readonly context: Context<unknown, unknown, unknown>
}

const at = (value: unknown, field: string): unknown => {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.entries(value).find(([name]) => name === field)?.[1]
}

/** Refuses callers of the wrong kind or without the scope. */
const authorize = <S>(route: Route<S>, caller: Caller): void => {
  if (route.access === 'operator' && caller.kind !== 'operator')
    throw forbidden('operator_only', 'only the operator may do this; use an operator key')
  if (route.access === 'tenant' && caller.kind !== 'tenant')
    throw forbidden('tenant_only', 'this needs a key of the tenant itself')
  if (route.scope && !may(caller, route.scope))
    throw forbidden('scope_missing', `your key lacks the scope ${route.scope}; create a key that has it`, { scope: route.scope })
}

/** The tenant a request means. A tenant's key that names another tenant is answered as for one that does not exist. */
const tenantOf = <S>(
  route: Route<S>,
  caller: Caller,
  parts: { params: unknown; query: unknown; body: unknown },
): string | undefined => {
  const [part, field] = route.tenant?.split('.') ?? []
  const named =
    field === undefined ? undefined : at(part === 'params' ? parts.params : part === 'body' ? parts.body : parts.query, field)
  const tenantId = typeof named === 'string' ? named : undefined
  if (caller.kind === 'operator') return tenantId
  if (tenantId !== undefined && tenantId !== caller.tenantId)
    throw notFound('tenant_not_found', `tenant ${tenantId} does not exist`)
  return caller.tenantId
}

/** Who is refused is noted, whatever the reason: a bad key, a missing scope, another tenant's id, a quota. */
const isDenial = (error: unknown): error is AppError =>
  error instanceof AppError &&
  (['unauthenticated', 'forbidden', 'quota'].includes(error.kind) || error.code === 'tenant_not_found')

/** Builds the handler of one route: authenticate → authorise → validate → run in its unit → reply. */
export const dispatcher = <S>(route: Route<S>, services: S, deps: DispatchDeps) => {
  const { db, clock, audit, idempotency, authenticator } = deps
  const params = route.params && compile(route.params, 'params')
  const query = route.query && compile(route.query, 'query')
  const body = route.body && compile(route.body, 'body')
  const replyCheck = deps.checkReplies ? compile(route.reply, 'reply') : undefined
  const status = route.status ?? 200
  const mutates = route.method !== 'GET'

  const entry = (
    request: FastifyRequest,
    caller: Caller | undefined,
    tenantId: string | null,
    outcome: 'done' | 'denied',
    code?: string,
  ): AuditEntry => ({
    tenantId,
    actorKind: caller?.kind ?? 'anonymous',
    actorId: caller?.keyId ?? null,
    operation: route.id,
    target: request.url.split('?', 1)[0]?.slice(0, 300) ?? null,
    outcome,
    ...(code === undefined ? {} : { code }),
    requestId: request.id,
    ip: request.ip,
  })

  const prepare = (request: FastifyRequest, caller: Caller): Prepared => {
    check(params, 'params', request.params)
    check(query, 'query', request.query)
    check(body, 'body', request.body)
    const parts = { params: request.params, query: request.query, body: request.body }
    const tenantId = tenantOf(route, caller, parts)
    const idempotencyKey = route.method === 'POST' ? readKey(request.headers['idempotency-key']) : undefined
    return { caller, context: { caller, tenantId, ...parts, now: clock.now(), requestId: request.id, idempotencyKey } }
  }

  const serialize = (value: unknown): StoredReply => {
    check(replyCheck, 'reply', value)
    return { status, body: status === 204 ? '' : JSON.stringify(value), contentType: JSON_TYPE }
  }

  const inUnit = <T>({ context }: Prepared, readOnly: boolean, work: (tx: ControlTx) => Promise<T>): Promise<T> =>
    context.tenantId === undefined
      ? db.control.asOperator(route.id, work, { readOnly })
      : db.control.inTenant(context.tenantId, work, { readOnly })

  const perform = async (request: FastifyRequest, prepared: Prepared, held: Held | undefined): Promise<StoredReply> => {
    const { caller, context } = prepared
    const done = () => entry(request, caller, context.tenantId ?? null, 'done')
    if (route.unit === 'steps') {
      const reply = serialize(await route.run(context, services))
      if (mutates && route.audit !== false) await audit.done(done())
      if (held) await idempotency.finishAlone(held, reply)
      return reply
    }
    return inUnit(prepared, route.unit === 'read', async (tx) => {
      const reply = serialize(await route.run({ ...context, tx }, services))
      if (!mutates) return reply
      if (route.audit !== false) await audit.record(tx, done())
      if (held) {
        // An operator's claim is out of sight in a tenant's transaction: see it for this last statement.
        if (held.scope !== context.tenantId) await sql`select set_config('role', ${OPERATOR_ROLE}, true)`.execute(tx)
        await idempotency.finish(tx, held, reply)
      }
      return reply
    })
  }

  const once = async (request: FastifyRequest, prepared: Prepared): Promise<StoredReply & { readonly replayed?: true }> => {
    const { idempotencyKey } = prepared.context
    if (idempotencyKey === undefined) return perform(request, prepared, undefined)
    const operation = `${route.method} ${request.url}`
    const claim = { scope: scopeOf(prepared.caller), operation, key: idempotencyKey }
    const held = await idempotency.begin(claim, requestHash(operation, rawBodyOf(request)))
    if (!('lease' in held)) return { ...held, replayed: true }
    try {
      return await perform(request, prepared, held)
    } catch (error) {
      await idempotency
        .release(held)
        .catch((failure: unknown) => request.log.warn({ err: failure }, 'a key stays claimed until its lease ends'))
      throw error
    }
  }

  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    let caller: Caller | undefined
    try {
      caller =
        route.access === 'public' ? undefined : await authenticator.authenticate({ authorization: request.headers.authorization })
      const known = caller ?? ANONYMOUS
      authorize(route, known)
      const prepared = prepare(request, known)
      request.tenantId = prepared.context.tenantId
      const answer = await once(request, prepared)
      reply.code(answer.status).header('content-type', answer.contentType)
      if (answer.replayed) reply.header('idempotent-replayed', 'true')
      return reply.send(answer.body)
    } catch (error) {
      if (isDenial(error))
        audit.denied(entry(request, caller, caller?.kind === 'tenant' ? caller.tenantId : null, 'denied', error.code))
      throw error
    }
  }
}

const ANONYMOUS: Caller = { kind: 'tenant', keyId: '', tenantId: '', scopes: new Set() }

const rawBodies = new WeakMap<object, Buffer>()

/** The bytes as they came, kept for the request's hash. */
export const keepRawBody = (request: object, raw: Buffer): void => {
  rawBodies.set(request, raw)
}

const EMPTY = Buffer.alloc(0)
const rawBodyOf = (request: FastifyRequest): Buffer => rawBodies.get(request) ?? EMPTY
