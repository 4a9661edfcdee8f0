import { expect } from 'vitest'

// toMatchObject compares own properties, and a Temporal object has none: any two instants would match.
expect.addEqualityTesters([
  (a: unknown, b: unknown) =>
    a instanceof Temporal.Instant && b instanceof Temporal.Instant ? Temporal.Instant.compare(a, b) === 0 : undefined,
])
