import { allocate } from './money.ts'

/**
 * Each line's share of a discount on the whole invoice, in proportion to the lines' amounts (minor units; the shares are positive and to be taken
 * off). No share exceeds its line, and they sum to the discount, or to all there is to discount when that is less. Lines below zero are credits:
 * they take no share. The discount comes off before tax.
 */
export const distributeDiscount = (amounts: readonly bigint[], discount: bigint): bigint[] => {
  if (discount < 0n) throw new RangeError(`a discount is not negative: ${discount}`)
  const chargeable = amounts.map((amount) => (amount > 0n ? amount : 0n))
  const most = chargeable.reduce((sum, amount) => sum + amount, 0n)
  return allocate(discount < most ? discount : most, chargeable)
}
