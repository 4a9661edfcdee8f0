import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type { Caller } from '../auth/caller.ts'
import type { Clock } from '../clock.ts'
import type { ControlTx, Database } from '../db/database.ts'
import { OPERATOR_ROLE } from '../db/roles.ts'
import { seal, unseal } from '../db/secretbox.ts'
import { AppError, invalid, unprocessable } from '../errors.ts'

export interface StoredReply {
  readonly status: number
  readonly body: string
  readonly contentType: string
}

/** One caller's key on one operation: what must have one effect. */
export interface Claim {
  /** A tenant's id, or 'operator'. */
  readonly scope: string
  /** Of what the caller may do. */
  readonly principal: Buffer
  readonly operation: string
  readonly key: string
}

/** A claim that is held; the lease tells it from a later holder's, so that one who lost it cannot commit any more. */
export interface Held extends Claim {
  readonly lease: Temporal.Instant
}

const KEPT_HOURS = 24
const LEASE_SECONDS = 60
const WELL_FORMED = /^[\x21-\x7e]{1,255}$/

/** Reads the header; throws 400 `idempotency_key_invalid`. */
export const readKey = (header: string | string[] | undefined): string | undefined => {
  if (header === undefined) return undefined
  if (typeof header === 'string' && WELL_FORMED.test(header)) return header
  throw invalid(
    'idempotency_key_invalid',
    'Idempotency-Key must be 1 to 255 printable ASCII characters without spaces, sent once',
  )
}

const EMPTY = Buffer.alloc(0)

/** What makes two requests the same: method, path, query and the body's very bytes. */
export const requestHash = (method: string, url: string, rawBody: Buffer = EMPTY): Buffer =>
  hash('sha256', Buffer.concat([Buffer.from(`${method} ${url}\0`), rawBody]), 'buffer')

/**
 * Whose claim it is. API keys of one tenant, or of the operator, that may do the same are one caller, so that a retry may come with a rotated
 * key; one that may do less never sees what another's request was answered.
 */
export const claimantOf = (caller: Caller): Pick<Claim, 'scope' | 'principal'> => ({
  scope: caller.kind === 'tenant' ? caller.tenantId : 'operator',
  principal: hash('sha256', [...caller.scopes].sort().join(' '), 'buffer'),
})

const inScope = <T>(db: Pick<Database, 'control'>, scope: string, work: (tx: ControlTx) => Promise<T>): Promise<T> =>
  scope === 'operator' ? db.control.asOperator('idempotency', work) : db.control.inTenant(scope, work)

interface Row {
  readonly same: boolean
  readonly status: number | null
  readonly reply: Buffer | null
  readonly content_type: string | null
}

const tryClaim = async (
  tx: ControlTx,
  { scope, principal, operation, key }: Claim,
  digest: Buffer,
  now: Temporal.Instant,
): Promise<Held | Row | 'gone'> => {
  const lease = now.add({ seconds: LEASE_SECONDS }).round('microsecond')
  const old = now.subtract({ hours: KEPT_HOURS }).toString()
  const at = now.toString()
  const claimed = await sql<{ key: string }>`
    insert into idempotency_keys as k (tenant_id, principal, operation, key, request_hash, lease_until, created_at)
    values (${scope}, ${principal}, ${operation}, ${key}, ${digest}, ${lease.toString()}, ${at})
    on conflict (tenant_id, principal, operation, key) do update
      set request_hash = excluded.request_hash, lease_until = excluded.lease_until, created_at = excluded.created_at,
          status = null, reply = null, content_type = null
      where k.created_at <= ${old} or (k.status is null and k.lease_until <= ${at} and k.request_hash = excluded.request_hash)
    returning key`.execute(tx)
  if (claimed.rows.length > 0) return { scope, principal, operation, key, lease }
  const found = await sql<Row>`select status, reply, content_type, request_hash = ${digest} as same from idempotency_keys
    where tenant_id = ${scope} and principal = ${principal} and operation = ${operation} and key = ${key}`.execute(tx)
  return found.rows[0] ?? 'gone'
}

export interface IdempotencyDeps {
  readonly db: Pick<Database, 'control'>
  readonly clock: Clock
  /** Replies are sealed with it. */
  readonly secret: string
}

const nameOf = ({ scope, operation, key }: Claim): string => `reply to ${scope} ${operation} ${key}`

export const idempotency = ({ db, clock, secret }: IdempotencyDeps) => ({
  /**
   * Claims the key before the work: a commit of its own, so that copies of the request see it. Returns the stored reply when the
   * work was done before. Throws 409 `idempotency_key_in_flight` or 422 `idempotency_key_reused`. A claim whose holder died is free
   * again after a minute; one older than a day counts as new.
   */
  async begin(claim: Claim, digest: Buffer): Promise<Held | StoredReply> {
    for (;;) {
      const answer = await inScope(db, claim.scope, (tx) => tryClaim(tx, claim, digest, clock.now()))
      if (answer === 'gone') continue // released between our two looks: try again
      if ('lease' in answer) return answer
      if (!answer.same)
        throw unprocessable(
          'idempotency_key_reused',
          'this Idempotency-Key was used with another request; take a new key for a new request',
        )
      if (answer.status !== null && answer.reply !== null)
        return {
          status: answer.status,
          body: unseal(secret, answer.reply, nameOf(claim)),
          contentType: answer.content_type ?? 'application/json',
        }
      const detail = 'a request with this Idempotency-Key is being worked on; ask again in a second'
      throw new AppError('conflict', 'idempotency_key_in_flight', detail, { retry_after: 1 })
    }
  },

  /**
   * Stores the reply, in the transaction of the effect where there is one: after a crash there are both or neither. `inTenant` is the
   * tenant of that transaction; undefined: it is the operator's, or the claim's own.
   */
  async finish(tx: ControlTx, held: Held, reply: StoredReply, inTenant: string | undefined): Promise<void> {
    const { scope, principal, operation, key, lease } = held
    // An operator's claim is out of sight in a tenant's transaction: see it for this last statement.
    if (inTenant !== undefined && scope !== inTenant) await sql`select set_config('role', ${OPERATOR_ROLE}, true)`.execute(tx)
    const { numUpdatedRows } = await tx
      .updateTable('idempotency_keys')
      .set({ status: reply.status, reply: seal(secret, reply.body, nameOf(held)), content_type: reply.contentType })
      .where('tenant_id', '=', scope)
      .where('principal', '=', principal)
      .where('operation', '=', operation)
      .where('key', '=', key)
      .where('lease_until', '=', lease)
      .executeTakeFirst()
    if (numUpdatedRows === 0n)
      throw new AppError(
        'conflict',
        'idempotency_key_lost',
        'the work took so long that another request took the key over; nothing was done here',
      )
  },

  /** The same, where the effect is elsewhere. */
  finishAlone(claim: Held, reply: StoredReply): Promise<void> {
    return inScope(db, claim.scope, (tx) => this.finish(tx, claim, reply, undefined))
  },

  /** The work failed and left nothing: the key may be used again at once. */
  release: ({ scope, principal, operation, key, lease }: Held): Promise<void> =>
    inScope(db, scope, async (tx) => {
      await tx
        .deleteFrom('idempotency_keys')
        .where('tenant_id', '=', scope)
        .where('principal', '=', principal)
        .where('operation', '=', operation)
        .where('key', '=', key)
        .where('status', 'is', null)
        .where('lease_until', '=', lease)
        .execute()
    }),

  /** Forgets replies older than a day; returns how many. */
  sweep: (): Promise<number> =>
    db.control.asOperator('forget old idempotency keys', async (tx) => {
      const { numDeletedRows } = await tx
        .deleteFrom('idempotency_keys')
        .where('created_at', '<', clock.now().subtract({ hours: KEPT_HOURS }))
        .executeTakeFirst()
      return Number(numDeletedRows)
    }),
})

export type Idempotency = ReturnType<typeof idempotency>
