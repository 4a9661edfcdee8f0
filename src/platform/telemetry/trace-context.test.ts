import { expect, test } from 'vitest'
import { traceIdOf } from './trace-context.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

// Source: W3C Trace Context, section 3.2.2.
test.each([
  [`00-${TRACE}-${PARENT}-01`, TRACE],
  [`01-${TRACE}-${PARENT}-01-what-the-future-will-be-like`, TRACE],
  [`00-${TRACE}-${PARENT}-01-extra`, undefined],
  [`ff-${TRACE}-${PARENT}-01`, undefined],
  [`00-${'0'.repeat(32)}-${PARENT}-01`, undefined],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, undefined],
  [`00-${TRACE.toUpperCase()}-${PARENT}-01`, undefined],
  ['nonsense', undefined],
])('traceparent %s has the trace id %s', (header, traceId) => {
  expect(traceIdOf(header)).toBe(traceId)
})
