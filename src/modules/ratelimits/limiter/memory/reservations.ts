import { canMove, type ReservationState, type Settlement } from '../reservation.ts'
import type { Place } from './holds.ts'
import { wheel } from './wheel.ts'

/** What one limit holds for a reservation. */
export interface Hold {
  readonly limit: string
  readonly key: string
  readonly amount: number
  /** undefined: nothing is held. */
  readonly place?: Place
}

interface Reservation {
  readonly id: string
  readonly holds: readonly Hold[]
  readonly expiresAt: number
  readonly forgetAt: number
  state: Exclude<ReservationState, 'expired'>
}

/** What a reservation was before it moved, and what it held. */
export interface Move extends Settlement {
  readonly was?: ReservationState
  readonly holds?: readonly Hold[]
}

/** How long a late or repeated settlement finds its reservation. */
const REMEMBER_US = 24 * 3_600_000_000
const SWEEP = 8
/** The wheel turns a list a second. */
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
    hold(id: string, holds: readonly Hold[], expiresAt: number): void {
      const slot = free.pop() ?? slots.length
      const forgetAt = expiresAt + REMEMBER_US
      slots[slot] = { id, holds, expiresAt, forgetAt, state: 'held' }
      byId.set(id, slot)
      timer.put(slot, forgetAt)
    },
    has: (id: string): boolean => byId.has(id),
    /** The limits that it is of; undefined: there is none. */
    limitsOf: (id: string): readonly string[] | undefined => at(id)?.holds.map(({ limit }) => limit),
    /** Moves on where the state allows. `was` and `holds` tell the caller what to give back and take. */
    move(id: string, to: 'settled' | 'released', now: number): Move {
      const reservation = at(id)
      if (!reservation) return { state: 'unknown', changed: false }
      const { state, holds, expiresAt } = reservation
      const was = state === 'held' && now >= expiresAt ? 'expired' : state
      if (!canMove(was, to)) return { state: was, changed: false }
      reservation.state = to
      return { state: to, changed: true, was, holds }
    },
    /** Forgets what is long over. Every call that has to do with reservations pays for a few. */
    sweep(now: number): void {
      timer.due(now, SWEEP, (slot) => {
        const reservation = slots[slot]
        if (!reservation) return
        if (now < reservation.forgetAt) {
          timer.put(slot, reservation.forgetAt)
          return
        }
        slots[slot] = undefined
        byId.delete(reservation.id)
        free.push(slot)
      })
    },
  }
}
