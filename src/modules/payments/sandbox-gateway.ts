import type { Clock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import type { Charge, ChargeResult, GivenUp, PaymentGateway } from './payment.ts'

/** Tokens of the sandbox, and what a charge with each comes to. */
const SANDBOX_TOKENS = {
  tok_success: 'succeeded',
  tok_decline: 'insufficient_funds',
  tok_timeout: 'timeout',
  tok_lost: 'lost',
  tok_requires_action: 'requires_action',
  tok_action_done: 'action_done',
} as const
type Token = keyof typeof SANDBOX_TOKENS

const isToken = (text: string): text is Token => Object.hasOwn(SANDBOX_TOKENS, text)

interface Row {
  readonly reference: string
  readonly outcome: string
  readonly failure_code: string | null
}

const referenceOf = (idempotencyKey: string): string => `sandbox_${idempotencyKey}`

const resultOf = ({ reference, outcome, failure_code }: Row): ChargeResult => {
  if (outcome === 'succeeded') return { status: outcome, reference }
  if (outcome === 'requires_action')
    return { status: outcome, reference, actionUrl: `https://sandbox.invalid/confirm/${reference}` }
  return { status: 'failed', failureCode: failure_code ?? 'declined' }
}

const outcomeOf = (token: Token): { readonly outcome: string; readonly failure_code: string | null } => {
  const says = SANDBOX_TOKENS[token]
  if (says === 'insufficient_funds') return { outcome: 'declined', failure_code: says }
  return { outcome: says === 'requires_action' ? says : 'succeeded', failure_code: null }
}

/**
 * Stands for a provider outside: its books are its own, written in transactions of its own, and it charges once a key however often it is
 * asked. With tok_timeout the charge happens and the answer is lost, with tok_lost it does not arrive, as in life.
 */
export const sandboxGateway = ({ db, clock }: { readonly db: Database; readonly clock: Clock }): PaymentGateway => {
  const read = async (tx: ControlTx, key: string): Promise<Row | undefined> =>
    tx
      .selectFrom('sandbox_charges')
      .select(['reference', 'outcome', 'failure_code'])
      .where('idempotency_key', '=', key)
      .executeTakeFirst()

  const must = async (tx: ControlTx, key: string): Promise<Row> => {
    const row = await read(tx, key)
    if (!row) throw new Error('the charge that was just booked is gone')
    return row
  }

  const book = ({ idempotencyKey, amount, currency }: Omit<Charge, 'paymentMethod'>, token: Token): Promise<Row> =>
    db.control.asOperator('the sandbox gateway books a charge', async (tx) => {
      const outcome = outcomeOf(token)
      const charge = { idempotency_key: idempotencyKey, reference: referenceOf(idempotencyKey), created_at: clock.now() }
      await tx
        .insertInto('sandbox_charges')
        .values({ ...charge, amount, currency, ...outcome })
        // While the payer is to act, another token takes the first one's place; what is settled stays.
        .onConflict((oc) =>
          oc.column('idempotency_key').doUpdateSet(outcome).where('sandbox_charges.outcome', '=', 'requires_action'),
        )
        .execute()
      return must(tx, idempotencyKey)
    })

  const giveUp = (idempotencyKey: string, why: GivenUp): Promise<Row> =>
    db.control.asOperator('the sandbox gateway gives a charge up', async (tx) => {
      const canceled = { outcome: 'canceled', failure_code: why }
      const charge = { idempotency_key: idempotencyKey, reference: referenceOf(idempotencyKey), created_at: clock.now() }
      await tx
        .insertInto('sandbox_charges')
        .values({ ...charge, ...canceled })
        .onConflict((oc) =>
          oc.column('idempotency_key').doUpdateSet(canceled).where('sandbox_charges.outcome', '=', 'requires_action'),
        )
        .execute()
      return must(tx, idempotencyKey)
    })

  return {
    name: 'sandbox',
    accepts: isToken,
    async charge({ paymentMethod, ...charge }) {
      if (!isToken(paymentMethod)) return { status: 'failed', failureCode: 'payment_method_invalid' }
      if (paymentMethod === 'tok_lost') throw new Error('the gateway could not be reached')
      const row = await book(charge, paymentMethod)
      if (paymentMethod === 'tok_timeout') throw new Error('the gateway did not answer in time')
      return resultOf(row)
    },
    async find(idempotencyKey) {
      const row = await db.control.asOperator('ask the sandbox gateway', (tx) => read(tx, idempotencyKey))
      return row && resultOf(row)
    },
    cancel: async (idempotencyKey, why) => resultOf(await giveUp(idempotencyKey, why)),
  }
}
