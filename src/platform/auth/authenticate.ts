import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { AppError, forbidden, unauthenticated } from '../errors.ts'
import type { Caller } from './caller.ts'
import { hashKey, keyClassOf } from './key-format.ts'
import { findKeys, type KeyRow } from './key-rows.ts'
import { type Known, knownKeys } from './known-keys.ts'

interface Credentials {
  readonly authorization?: string | undefined
}

export interface Authenticator {
  /**
   * `Authorization: Bearer cog_…` → who calls. Throws 401 for a bad key, 403 for a good key of a tenant that may not act; a `KeyRefused`
   * where the key is one of ours.
   */
  authenticate(request: Credentials): Promise<Caller>
  /** The same, where the key was found good within the last second: nobody is asked and nothing is thrown. undefined: ask `authenticate`. */
  recall(request: Credentials): Caller | undefined
  /** Whether the key was good when this process saw it last, however long ago: whoever sends it is no stranger, and may be refused yet. */
  remembers(request: Credentials): boolean
  /** Whether it could be a key of ours: its checksum is right. */
  isWellFormed(request: Credentials): boolean
  /** Writes when keys were last used; the server calls it every few seconds and when it stops. */
  flushLastUse(): Promise<void>
}

/** Whoever sent the key holds it, so its refusal is noted with whose it is; a key that nobody has names nobody. */
export class KeyRefused extends AppError {
  readonly caller: Caller

  constructor({ kind, code, message }: AppError, caller: Caller) {
    super(kind, code, message)
    this.caller = caller
  }
}

const REFUSED: Readonly<Record<string, () => AppError>> = {
  suspended: () => forbidden('tenant_suspended', 'this tenant is suspended; its operator can activate it again'),
  pending_activation: () => forbidden('tenant_not_active', 'this tenant is not activated yet; its operator can activate it'),
  churned: () => forbidden('tenant_closed', 'this tenant has left; its keys no longer work'),
  deleted: () => forbidden('tenant_closed', 'this tenant was deleted; its keys no longer work'),
}

const noKey = () => unauthenticated('key_missing', 'send your API key as: Authorization: Bearer cog_…')
const badKey = () => unauthenticated('key_invalid', 'this API key does not exist; check that the whole key was copied')

const keyIn = ({ authorization = '' }: Credentials): string | undefined => {
  const space = authorization.indexOf(' ')
  return authorization.slice(0, space).toLowerCase() === 'bearer' ? authorization.slice(space + 1).trim() : undefined
}

const refusalOf = ({ revoked_at, expires_at, tenant_id, tenant_status }: KeyRow, clock: Clock): AppError | undefined => {
  if (revoked_at) return unauthenticated('key_revoked', 'this API key was revoked; ask for a new one')
  if (expires_at && Temporal.Instant.compare(expires_at, clock.now()) <= 0)
    return unauthenticated('key_expired', `this API key expired at ${expires_at}; ask for a new one`)
  return tenant_id === null ? undefined : REFUSED[tenant_status ?? 'deleted']?.()
}

const decide = (known: Known | undefined, digest: Buffer, clock: Clock): Caller => {
  if (!known || !timingSafeEqual(known.row.hash, digest)) throw badKey()
  const refusal = refusalOf(known.row, clock)
  if (refusal) throw new KeyRefused(refusal, known.caller)
  return known.caller
}

export const authenticator = ({ db, clock }: { readonly db: Database; readonly clock: Clock }): Authenticator => {
  const keys = knownKeys(findKeys(db))
  const lastUse = new Map<string, Temporal.Instant>()

  /** A typing error costs no query. */
  const find = async (key: string, digest: Buffer): Promise<Known | undefined> =>
    keyClassOf(key) ? keys.find(digest) : undefined

  const isGood = (known: Known | undefined): known is Known => known !== undefined && !refusalOf(known.row, clock)

  const used = (caller: Caller): Caller => {
    // The first use since the last flush stands for all: they are seconds apart.
    if (!lastUse.has(caller.keyId)) lastUse.set(caller.keyId, clock.now())
    return caller
  }

  return {
    recall(request) {
      const key = keyIn(request)
      if (key === undefined) return undefined
      const known = keys.recent(hashKey(key))
      return isGood(known) ? used(known.caller) : undefined
    },

    remembers(request) {
      const key = keyIn(request)
      return key !== undefined && isGood(keys.remembered(hashKey(key)))
    },

    isWellFormed: (request) => keyClassOf(keyIn(request) ?? '') !== undefined,

    async authenticate(request) {
      const key = keyIn(request)
      if (key === undefined) throw noKey()
      const digest = hashKey(key)
      return used(decide(await find(key, digest), digest, clock))
    },

    async flushLastUse() {
      if (lastUse.size === 0) return
      const uses = [...lastUse]
      lastUse.clear()
      try {
        await db.control.asOperator('note when keys were last used', async (tx) => {
          for (const [id, at] of uses.sort(([a], [b]) => (a < b ? -1 : 1)))
            await tx.updateTable('api_keys').set({ last_used_at: at }).where('id', '=', id).execute()
        })
      } catch (error) {
        for (const [id, at] of uses) if (!lastUse.has(id)) lastUse.set(id, at)
        throw error
      }
    },
  }
}
