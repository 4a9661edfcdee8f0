import { type Static, Type } from 'typebox'
import { Instant, Named, Strict, TimeZone } from '../../platform/http/schema.ts'
import { DAYS } from './timetable.ts'

const TimeOfDay = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', examples: ['09:00'] })
const HoursBody = Strict(
  {
    time_zone: TimeZone,
    days: Type.Optional(
      Type.Array(Type.Enum([...DAYS]), {
        minItems: 1,
        maxItems: DAYS.length,
        uniqueItems: true,
        description: 'On which the hours begin; all unless told',
      }),
    ),
    from: Type.Optional(TimeOfDay),
    to: Type.Optional(TimeOfDay),
  },
  { description: 'As the clocks of the time zone show it; to is not itself included, and before from it is of the day after' },
)
const SpanBody = Named(
  'RateLimitSpan',
  Strict({ starts_at: Type.Optional(Instant), ends_at: Type.Optional(Instant), hours: Type.Optional(HoursBody) }),
)
export type StatedSpan = Static<typeof SpanBody>
export const ScheduleBody = Type.Array(SpanBody, {
  maxItems: 20,
  description: 'When it holds, to the second: all that a span tells must be so, and one span is enough; none: always',
})
