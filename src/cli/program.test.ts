import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandIn, type Ran } from '../../test/harness/command.ts'
import { lockFolder } from '../platform/db/embedded-lock.ts'
import { expiryOf } from './keys.ts'
import { program } from './program.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cognitionos-cli-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const ran = (...args: string[]): Promise<Ran> => commandIn(folder)(args)

test('each command tells what it is for, and help is understood', async () => {
  const { commands } = program()
  expect(commands.map((command) => command.name())).toEqual(
    expect.arrayContaining(['serve', 'worker', 'migrate', 'demo', 'replay', 'keys', 'tenants', 'invoice', 'doctor']),
  )
  expect(commands.every((command) => command.description() !== '')).toBe(true)
  const { code, out } = await ran('replay', '--help')
  expect([code, out]).toEqual([0, expect.stringContaining('Examples:')])
})

test('what is not understood exits with 2, what fails with 1; with --json both say so in JSON', async () => {
  const wrong = await ran('tenants', 'create', 'Acme', '--json')
  expect([wrong.code, JSON.parse(wrong.out)]).toEqual([
    2,
    { error: { code: 'usage', message: "required option '--owner <email>' not specified" } },
  ])
  const failed = await ran('replay', 'absent.csv', '--tenant', 'tnt_1', '--json')
  expect([failed.code, JSON.parse(failed.out)]).toEqual([1, { error: expect.objectContaining({ code: 'file_not_readable' }) }])
})

test('a server that does not answer is told with what to do', async () => {
  const { code, err } = await ran('tenants', 'list', '--url', 'http://127.0.0.1:1', '--key', 'cog_op_x')
  expect([code, err]).toEqual([1, expect.stringContaining('start it with `cognitionos serve`')])
})

test('an address that is none is told in words, and an empty one is none', async () => {
  const wrong = await ran('tenants', 'list', '--url', 'localhost:3000', '--key', 'cog_op_x')
  expect([wrong.code, wrong.err]).toEqual([
    1,
    "cognitionos: 'localhost:3000' is no address of a server; give one such as http://127.0.0.1:3000 (url_invalid)\n",
  ])
  const empty = await commandIn(folder)(['replay', 'absent.csv'], { COGNITIONOS_URL: '' })
  expect([empty.code, empty.err]).toEqual([1, expect.stringContaining('tenant_missing')])
})

test.each([['list'], ['create', '--operator'], ['revoke', 'key_1']])(
  'keys %s refuses to ask the local database where a server is named',
  async (...args) => {
    const { code, err } = await commandIn(folder)(['keys', ...args], { COGNITIONOS_URL: 'http://127.0.0.1:1' })
    expect([code, err]).toEqual([1, expect.stringContaining('leave out --url, unset COGNITIONOS_URL')])
  },
)

test('beside a running server, its own way round is told: ask it for tenants, stop it for operator keys', async () => {
  const data = join(folder, 'taken')
  await mkdir(data)
  const lock = lockFolder(data)
  const beside = (...args: string[]) => commandIn(folder)(args, { COGNITIONOS_DATA_DIR: data })
  const [tenants, keys] = [await beside('tenants', 'list'), await beside('keys', 'list')]
  lock.release()
  expect([tenants.code, tenants.err]).toEqual([1, expect.stringContaining('ask it instead: --url')])
  expect([keys.code, keys.err]).toEqual([1, expect.stringContaining('stop it first')])
  expect(keys.err).toContain('COGNITIONOS_DATA_DIR')
})

test('on the database itself: a tenant, its key, and no trace of the key that the command used', {
  timeout: 120_000,
}, async () => {
  const made = JSON.parse((await ran('tenants', 'create', 'Acme', '--owner', 'ada@acme.example', '--json')).out)
  expect(made).toMatchObject({ slug: 'acme', isolation: 'SHARED', status: 'active' })
  const key = JSON.parse((await ran('keys', 'create', '--tenant', made.id, '--scopes', 'usage:write', '--json')).out)
  expect(key).toMatchObject({ tenant_id: made.id, scopes: ['usage:write'], secret: expect.stringMatching(/^cog_tn_/) })
  expect(JSON.parse((await ran('keys', 'list', '--json')).out)).toEqual({ data: [], next_cursor: null })
  const missing = await ran('tenants', 'show', 'tnt_absent')
  expect([missing.code, missing.err]).toEqual([1, 'cognitionos: tenant tnt_absent does not exist (tenant_not_found)\n'])
})

test('an expiry is so many days from now, a day in UTC or an instant', () => {
  const now = Temporal.Instant.from('2026-01-31T09:00:00Z')
  expect(['90d', '2027-01-31', '2027-01-31T09:00:00+01:00'].map((text) => String(expiryOf(text, now)))).toEqual([
    '2026-05-01T09:00:00Z',
    '2027-01-31T00:00:00Z',
    '2027-01-31T08:00:00Z',
  ])
  expect(() => expiryOf('soon', now)).toThrow('give 90d')
})
