import { describe, expect, test } from 'vitest'
import { check, type Rule } from '../../scripts/imports/rules.ts'
import { readTree } from '../../scripts/imports/tree.ts'

/** A small tree that keeps every rule; each case below adds one file or changes one. */
const CLEAN = {
  'src/config.ts': "import { fail } from './platform/errors.ts'\nexport const port = process.env.PORT ?? fail()",
  'src/lib/money.ts': "import { Type } from 'typebox'\nexport const money = Type",
  'src/platform/errors.ts': 'export const fail = () => { throw new Error() }',
  'src/platform/clock.ts': "import type { port } from '../config.ts'\nexport const now = () => Date.now() as typeof port",
  'src/platform/db/pool.ts': "import pg from 'pg'\nexport const pool = pg",
  'src/modules/tenants/index.ts': "export { find } from './store.ts'\nexport { canMove, type Tenant } from './tenant.ts'",
  'src/modules/tenants/store.ts': "import { pool } from '../../platform/db/pool.ts'\nexport const find = pool",
  'src/modules/tenants/tenant.ts': 'export type Tenant = string\nexport const canMove = true',
  'src/modules/metering/index.ts': "export { record } from './record.ts'",
  'src/modules/metering/record.ts': "import { find } from '../tenants/index.ts'\nexport const record = find",
  'src/modules/metering/rating.ts':
    "import { money } from '../../lib/money.ts'\nimport { canMove, type Tenant } from '../tenants/index.ts'\nimport type { pool } from '../../platform/db/pool.ts'\nexport const rate = (t: Tenant, p: typeof pool) => [money, canMove, t, p]",
  'src/app.ts':
    "import { port } from './config.ts'\nimport { record } from './modules/metering/index.ts'\nexport const app = () => record(port, new Intl.NumberFormat())",
  'src/cli/serve.ts': "import { app } from '../app.ts'\nexport const serve = app",
  'src/main.ts': "import { serve } from './cli/serve.ts'\nserve()",
  'src/lib/money.test.ts':
    "import { vi } from 'vitest'\nimport { find } from '../modules/tenants/store.ts'\nMath.random(vi, find, new Date(), process.env)",
  'bench/run.ts': "import { find } from '../src/modules/tenants/store.ts'\nDate.now(find)",
  'console/src/app.tsx': "import { useState } from 'react'\nexport const App = () => <p>{useState(0)}</p>",
}

const found = (changed: Record<string, string>) =>
  check({ files: new Map(Object.entries({ ...CLEAN, ...changed })), dependencies: new Set(['pg', 'typebox', 'ajv']) })

test('a tree that keeps the rules passes', () => {
  expect(found({})).toEqual([])
})

describe('a planted violation is reported:', () => {
  test.for<[Rule, string, string, string]>([
    ['layer', 'lib imports platform', 'src/lib/a.ts', "import '../platform/errors.ts'"],
    ['layer', 'lib imports a type of platform', 'src/lib/a.ts', "import type { pool } from '../platform/db/pool.ts'"],
    ['layer', 'an import(…) type counts', 'src/lib/a.ts', "export type P = import('../platform/db/pool.ts').P"],
    ['layer', 'platform imports a module', 'src/platform/a.ts', "import { find } from '../modules/tenants/index.ts'"],
    ['layer', 'platform passes a module on', 'src/platform/a.ts', "export { find } from '../modules/tenants/index.ts'"],
    ['layer', 'a dynamic import counts', 'src/platform/a.ts', "export const a = () => import('../app.ts')"],
    ['layer', 'a module imports the app', 'src/modules/tenants/service.ts', "import { app } from '../../app.ts'"],
    ['layer', 'the app imports a command', 'src/app2.ts', "import { serve } from './cli/serve.ts'"],
    ['layer', 'a command imports main', 'src/cli/a.ts', "import '../main.ts'"],
    ['layer', 'platform takes settings from config', 'src/platform/a.ts', "import { port } from '../config.ts'"],
    ['layer', 'config imports I/O', 'src/config.ts', "import { pool } from './platform/db/pool.ts'"],
    [
      'module-order',
      'an earlier module imports a later one',
      'src/modules/tenants/service.ts',
      "import { record } from '../metering/index.ts'",
    ],
    [
      'module-order',
      'a module that is not in the list',
      'src/modules/growth/service.ts',
      "import type { A } from '../extra/index.ts'",
    ],
    [
      'front-door',
      'a module reaches into another',
      'src/modules/metering/service.ts',
      "import { find } from '../tenants/store.ts'",
    ],
    ['front-door', 'the app reaches into a module', 'src/app2.ts', "import { find } from './modules/tenants/store.ts'"],
    ['lib-is-pure', 'lib imports a Node builtin', 'src/lib/a.ts', "import { createHash } from 'node:crypto'"],
    ['lib-is-pure', 'lib imports a package with I/O', 'src/lib/a.ts', "import pg from 'pg'"],
    [
      'pure-file',
      'a decision imports the database',
      'src/modules/metering/proration.ts',
      "import { pool } from '../../platform/db/pool.ts'",
    ],
    [
      'pure-file',
      'a decision imports a Node builtin',
      'src/modules/metering/proration.ts',
      "import { readFileSync } from 'node:fs'",
    ],
    ['pure-file', 'a decision imports a package with I/O', 'src/modules/metering/pricing/a.ts', "import pg from 'pg'"],
    [
      'pure-file',
      'a decision imports its own shell',
      'src/modules/metering/proration.ts',
      "import { record } from './record.ts'",
    ],
    [
      'pure-file',
      'a decision takes I/O through a front door',
      'src/modules/metering/proration.ts',
      "import { find } from '../tenants/index.ts'",
    ],
    ['production', 'src imports a test', 'src/platform/a.ts', "import '../lib/money.test.ts'"],
    ['production', 'src imports a bench', 'src/platform/a.ts', "import '../../bench/run.ts'"],
    ['dependency', 'src imports what only development has', 'src/platform/a.ts', "import { vi } from 'vitest'"],
    ['deep-import', 'src reaches into a package', 'src/platform/a.ts', "import x from 'pg/lib/utils'"],
    ['deep-import', 'a script reaches into node_modules', 'scripts/a.ts', "import x from '../node_modules/pg/lib/utils.js'"],
    ['readable', 'a path computed at run time', 'src/platform/a.ts', 'export const a = (b: string) => import(b)'],
    ['readable', 'a file that does not exist', 'src/platform/a.ts', "import './gone.ts'"],
    ['export-star', 'export * outside a front door', 'src/platform/a.ts', "export * from './errors.ts'"],
    ['export-star', 'export * in a front door', 'src/modules/catalog/index.ts', "export * from '../tenants/index.ts'"],
    ['export-star', 'export * as', 'src/platform/a.ts', "export * as errors from './errors.ts'"],
    ['environment', 'a module reads process.env', 'src/modules/tenants/service.ts', 'export const a = process.env.HOME'],
    ['environment', 'main reads process.env', 'src/main.ts', "export const a = process['env']"],
    ['environment', 'process.env taken apart', 'src/platform/a.ts', 'const { env } = process\nexport const a = env'],
    ['environment', 'env imported by name', 'src/platform/a.ts', "import { env } from 'node:process'\nexport const a = env"],
    ['clock', 'Date.now', 'src/modules/metering/record.ts', 'export const a = Date.now()'],
    ['clock', 'Date.now passed as a function', 'src/lib/a.ts', 'export const a = [].map(Date.now)'],
    ['clock', 'new Date', 'src/cli/a.ts', 'export const a = new Date()'],
    ['clock', 'Math.random', 'src/modules/metering/rating.ts', 'export const a = Math.random()'],
    ['clock', 'Math.random taken apart', 'src/lib/a.ts', 'const { random } = Math\nexport const a = random()'],
    ['clock', 'Temporal.Now', 'src/app2.ts', 'export const a = Temporal.Now.instant()'],
    ['clock', 'crypto.randomUUID', 'src/app2.ts', 'export const a = globalThis.crypto.randomUUID()'],
    ['cycle', 'two files import each other', 'src/lib/money.ts', "import type { A } from './b.ts'"],
    ['console', 'the console imports the server', 'console/src/a.ts', "import type { app } from '../../src/app.ts'"],
  ])('%s: %s', ([rule, , path, source]) => {
    const partner: Record<string, string> = rule === 'cycle' ? { 'src/lib/b.ts': "import { a } from './money.ts'" } : {}
    const extra: Record<string, string> = source.includes('/extra/') ? { 'src/modules/extra/index.ts': '' } : {}
    const violations = found({ [path]: source, ...partner, ...extra })
    expect(violations.map((violation) => violation.rule)).toContain(rule)
    expect(new Set(violations.map(({ rule: reported }) => reported)).size, JSON.stringify(violations)).toBeLessThanOrEqual(2)
  })
})

test('a violation says where it is', () => {
  expect(found({ 'src/lib/a.ts': '\n\nexport const a = Date.now()' })).toMatchObject([
    { file: 'src/lib/a.ts', line: 3, rule: 'clock' },
  ])
})

test('a file that does not parse fails the check instead of being skipped', () => {
  expect(() => found({ 'src/lib/a.ts': 'const = 1' })).toThrow('src/lib/a.ts')
})

test('the source keeps the rules', () => {
  const tree = readTree(`${import.meta.dirname}/../..`)
  expect(check(tree).map(({ rule, file, line, message }) => `${file}:${line} [${rule}] ${message}`)).toEqual([])
})
