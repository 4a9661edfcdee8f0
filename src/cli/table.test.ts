import { expect, test } from 'vitest'
import { bar } from './progress.ts'
import { counted, grouped, PLAIN, table } from './table.ts'

test('columns are as wide as their widest cell, numbers end together, nothing trails', () => {
  const columns = [{ title: 'name' }, { title: 'calls', align: 'right' as const }, { title: 'note' }]
  expect(
    table(
      columns,
      [
        ['Fern', '1,000', 'a'],
        ['Otter Support', '12', ''],
      ],
      PLAIN,
    ),
  ).toEqual([
    'name           calls  note', //
    '──────────────────────────',
    'Fern           1,000  a',
    'Otter Support     12',
  ])
})

test('thousands are grouped, fractions and signs stay', () => {
  expect([0, 999, 1_000, 28_040n, '-1234567.89', '100'].map(grouped)).toEqual([
    '0',
    '999',
    '1,000',
    '28,040',
    '-1,234,567.89',
    '100',
  ])
})

test('a bar tells how far and how fast', () => {
  expect(bar({ label: 'metering', done: 7_000, total: 28_000, perSecond: 12_345.6 }, PLAIN)).toBe(
    '  metering  ███████░░░░░░░░░░░░░░░░░░░░░  7,000 / 28,000  12,346 events/s',
  )
  expect(bar({ label: 'replaying', done: 0, total: 0, perSecond: 0 }, PLAIN)).toContain('0 / 0')
})

test('one is not many', () => {
  expect([counted(0, 'event'), counted(1, 'event'), counted(28_040, 'event')]).toEqual(['0 events', '1 event', '28,040 events'])
})
