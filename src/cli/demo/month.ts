import { type Clock, systemClock } from '../../platform/clock.ts'
import type { Month } from './traffic.ts'

/** Stands where it is set, until it follows the real time. */
export interface DemoClock extends Clock {
  set(at: Temporal.Instant): void
  goOn(): void
}

export const demoClock = (at: Temporal.Instant): DemoClock => {
  let stands: Temporal.Instant | undefined = at
  return {
    now: () => stands ?? systemClock.now(),
    set(next) {
      stands = next
    },
    goOn() {
      stands = undefined
    },
  }
}

/** The month that ended last night, or at the last night on which a month can end: 28 February to 28 March, seen on 31 March. */
export const lastMonth = (now: Temporal.Instant): Month => {
  const start = now.toZonedDateTimeISO('UTC').startOfDay().subtract({ months: 1 })
  return { start: start.toInstant(), end: start.add({ months: 1 }).toInstant() }
}

/** The ends of its days, the last one a second before the month's. */
export const daysOf = ({ start, end }: Month): Temporal.Instant[] => {
  const days: Temporal.Instant[] = []
  for (let at = start.add({ hours: 24 }); Temporal.Instant.compare(at, end) < 0; at = at.add({ hours: 24 })) days.push(at)
  return [...days, end.subtract({ seconds: 1 })]
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** '24 Nov 2026', in UTC. */
export const dayName = (at: Temporal.Instant): string => {
  const { day, month, year } = at.toZonedDateTimeISO('UTC')
  return `${day} ${MONTHS[month - 1]} ${year}`
}

/** '24 Nov 09:05', in UTC. */
export const minuteName = (at: Temporal.Instant): string => {
  const { day, month, hour, minute } = at.toZonedDateTimeISO('UTC')
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${String(day).padStart(2)} ${MONTHS[month - 1]} ${two(hour)}:${two(minute)}`
}
