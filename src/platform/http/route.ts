import type { Static, TObject, TSchema } from 'typebox'
import type { Caller, Scope } from '../auth/caller.ts'
import type { ControlTx } from '../db/database.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Who may call at all; `scope` says what the key must hold besides. */
export type Access = 'public' | 'operator' | 'tenant' | 'both'

/**
 * Where the tenant of the request is named. A tenant's key that names another tenant gets the answer for a tenant that does not
 * exist; left out in a body or query, its own is meant. With an operator's key the transaction is that tenant's where one is named.
 */
export type TenantSource = `params.${string}` | 'body.tenant_id' | 'query.tenant_id'

/**
 * How the handler meets the database.
 * `read`, `write`: the platform opens one control-plane transaction as the caller and passes it; for `write` the audit record and
 * the stored reply of an Idempotency-Key are committed with the effect. `steps`: the handler runs its own transactions (the tenant
 * plane, a gateway in between) and must be repeatable: a claim with a lease guards the key, and the reply is stored after.
 */
export type Unit = 'read' | 'write' | 'steps'

/** The header fields of the answer in the making; a replayed answer has none of a handler's own. */
export interface AnswerHead {
  getHeader(name: string): unknown
  header(name: string, value: string): unknown
}

export interface Context<P, Q, B> {
  readonly caller: Caller
  /** The tenant meant, where the route has a tenant source: always for tenant keys, for operators when they name one. */
  readonly tenantId: string | undefined
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly now: Temporal.Instant
  readonly requestId: string
  /** Sent by the client; a handler that must be repeatable derives its ids from it. */
  readonly idempotencyKey: string | undefined
  readonly head: AnswerHead
}

export interface TxContext<P, Q, B> extends Context<P, Q, B> {
  readonly tx: ControlTx
}

type StaticOf<T> = T extends TSchema ? Static<T> : undefined

interface Shape<P, Q, B, R extends TSchema> {
  readonly method: Method
  /** Below the prefix, with `{name}` for a parameter: `/invoices/{id}/void`. */
  readonly path: string
  /** operationId, camelCase, unique. */
  readonly id: string
  readonly tag: string
  readonly summary: string
  readonly description?: string
  readonly access: Access
  readonly scope?: Scope
  readonly tenant?: TenantSource
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  readonly reply: R
  /** 200 unless told. */
  readonly status?: 200 | 201 | 202 | 204
  /** True: the answer is 202, for what was asked for goes on after it. */
  underWay?(reply: Static<R>): boolean
  /** Codes of problems beyond the common ones (validation, authentication, scope, overload): `code: what it means`. */
  readonly errors?: Readonly<Record<string, string>>
  /** Header fields that the handler sets: `name: what it means`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes; 1 MiB unless told. */
  readonly bodyLimit?: number
  /** A mutation whose own rows are its record (usage events) is not audited a second time. */
  readonly audit?: false
}

type Handler<S, C, R extends TSchema> = (context: C, services: S) => Promise<Static<R>>

/** One endpoint as data: the server, OpenAPI, the authorisation matrix and the id-swap tests read the same table. */
export interface Route<S> extends Shape<TObject | undefined, TObject | undefined, TSchema | undefined, TSchema> {
  readonly unit: Unit
  readonly run: (context: Context<unknown, unknown, unknown> & { readonly tx?: ControlTx }, services: S) => Promise<unknown>
}

export interface RouteBuilder<S> {
  read<R extends TSchema, P extends TObject | undefined = undefined, Q extends TObject | undefined = undefined>(
    shape: Shape<P, Q, undefined, R> & { readonly handle: Handler<S, TxContext<StaticOf<P>, StaticOf<Q>, undefined>, R> },
  ): Route<S>
  write<
    R extends TSchema,
    P extends TObject | undefined = undefined,
    Q extends TObject | undefined = undefined,
    B extends TSchema | undefined = undefined,
  >(shape: Shape<P, Q, B, R> & { readonly handle: Handler<S, TxContext<StaticOf<P>, StaticOf<Q>, StaticOf<B>>, R> }): Route<S>
  steps<
    R extends TSchema,
    P extends TObject | undefined = undefined,
    Q extends TObject | undefined = undefined,
    B extends TSchema | undefined = undefined,
  >(shape: Shape<P, Q, B, R> & { readonly handle: Handler<S, Context<StaticOf<P>, StaticOf<Q>, StaticOf<B>>, R> }): Route<S>
}

/** `const route = routesOf<{ invoices: InvoiceService }>()`, then `route.write({ … })`: the schemas type the handler. */
export const routesOf = <S>(): RouteBuilder<S> => {
  const build =
    (unit: Unit) =>
    ({ handle, ...shape }: Omit<Route<S>, 'unit' | 'run'> & { readonly handle: unknown }): Route<S> => ({
      ...shape,
      unit,
      // The server validated params, query and body against these very schemas: here alone the types are believed.
      run: handle as Route<S>['run'],
    })
  return { read: build('read'), write: build('write'), steps: build('steps') }
}
