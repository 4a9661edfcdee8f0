import { canMove, type ReservationState, type Settlement } from '../reservation.ts'
import { wheel } from './wheel.ts'

/** What one limit holds for a reservation. */
export interface Hold {
  readonly limit: string
  readonly key: string
  readonly amount: number
  /** Which window or bucket it was taken in: a refund of one that is over gives no credit. */
  readonly stamp: number
}

interface Reservation {
  readonly id: string
  readonly holds: readonly Hold[]
  readonly expiresAt: number
  readonly forgetAt: number
  state: ReservationState
}

/** How long a late or repeated settlement finds its reservation. */
const REMEMBER_US = 24 * 3_600_000_000
const SWEEP = 8
/** The wheel turns a list a second: a reservation expires within one. */
const HORIZON_US = 254_000_000

/** Which reservations there are and how they stand; what is taken and given back is its caller's. */
export const reservations = (start: number, mostHeld: number) => {
  const byId = new Map<string, number>()
  const slots: (Reservation | undefined)[] = []
  const free: number[] = []
  const timer = wheel(HORIZON_US, start)

  const at = (id: string): Reservation | undefined => slots[byId.get(id) ?? -1]

  return {
    hasRoom: (): boolean => byId.size < mostHeld,
    hold(id: string, holds: readonly Hold[], now: number, ttlUs: number): void {
      const slot = free.pop() ?? slots.length
      slots[slot] = { id, holds, expiresAt: now + ttlUs, forgetAt: now + ttlUs + REMEMBER_US, state: 'held' }
      byId.set(id, slot)
      timer.put(slot, now + ttlUs)
    },
    has: (id: string): boolean => byId.has(id),
    /** Moves on where the state allows. `was` and `holds` tell the caller what to give back and take. */
    move(id: string, to: ReservationState): Settlement & { readonly was?: ReservationState; readonly holds?: readonly Hold[] } {
      const reservation = at(id)
      if (!reservation) return { state: 'unknown', changed: false }
      const { state: was, holds } = reservation
      if (!canMove(was, to)) return { state: was, changed: false }
      reservation.state = to
      return { state: to, changed: true, was, holds }
    },
    /** Hands out what expired, and forgets what is long over. Every call of the limiter pays for a few. */
    sweep(now: number, expired: (holds: readonly Hold[]) => void): void {
      timer.due(now, SWEEP, (slot) => {
        const reservation = slots[slot]
        if (!reservation) return
        if (now >= reservation.forgetAt) {
          slots[slot] = undefined
          byId.delete(reservation.id)
          free.push(slot)
          return
        }
        if (reservation.state === 'held' && now >= reservation.expiresAt) {
          reservation.state = 'expired'
          expired(reservation.holds)
        }
        timer.put(slot, reservation.state === 'held' ? reservation.expiresAt : reservation.forgetAt)
      })
    },
  }
}
