import type { Policy } from '../policy.ts'

const LONGEST_MS = 366 * 86_400_000

const share = (amount: number, servers: number): number => Math.floor(amount / servers)

/** `amount` every `perMs`, divided: slower where the amount does not divide. Less than one in 366 days cannot be said: then it is one. */
const slower = (amount: number, perMs: number, servers: number): readonly [number, number] => {
  if (amount % servers === 0) return [amount / servers, perMs]
  return perMs * servers <= LONGEST_MS ? [amount, perMs * servers] : [Math.max(1, share(amount, servers)), perMs]
}

const lessMoney = (limit: string, servers: number): string => {
  const [units = '0', digits = ''] = limit.split('.')
  const pico = (BigInt(units + digits.padEnd(12, '0')) / BigInt(servers)).toString().padStart(13, '0')
  return `${pico.slice(0, -12)}.${pico.slice(-12)}`
}

/** One of `servers` servers' part of a limit, rounded down: together they never hold more than the limit at once. */
export const fraction = (policy: Policy, servers: number): Policy => {
  switch (policy.algorithm) {
    case 'FIXED_WINDOW':
    case 'SLIDING_WINDOW':
      return { ...policy, limit: share(policy.limit, servers) }
    case 'TOKEN_BUCKET': {
      const [tokens, perMs] = slower(policy.refill.tokens, policy.refill.perMs, servers)
      return { ...policy, capacity: share(policy.capacity, servers), refill: { tokens, perMs } }
    }
    case 'LEAKY_BUCKET': {
      const [amount, perMs] = slower(policy.leak.amount, policy.leak.perMs, servers)
      return { ...policy, capacity: share(policy.capacity, servers), leak: { amount, perMs } }
    }
    case 'COST_BASED':
      return { ...policy, limit: lessMoney(policy.limit, servers) }
    default:
      throw policy satisfies never
  }
}
