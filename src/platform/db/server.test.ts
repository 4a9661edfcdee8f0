import { expect, test } from 'vitest'
import { silent } from '../../../test/harness/database.ts'
import { openDatabaseServer } from './server.ts'
import { appPassword } from './urls.ts'

const SECRET = 'a-secret-for-tests-of-32-characters'
const appUrlOf = async (appUrl: string | undefined): Promise<string> =>
  (
    await openDatabaseServer({
      ownerUrl: 'postgres://owner:o@db:5432/x?sslmode=disable',
      appUrl,
      secret: SECRET,
      dataDir: '',
      log: silent,
    })
  ).appUrl

test.each([
  ['no URL of its own', undefined, 'cognitionos_app', 'db:5432', 'sslmode=disable'],
  ['a URL that names no role', 'postgres://pooler:6432/x?prepare=false', 'cognitionos_app', 'pooler:6432', 'prepare=false'],
])('with %s the server logs in as the restricted role, whose password only it knows', async (_what, given, role, host, query) => {
  const url = new URL(await appUrlOf(given))
  expect([url.username, url.password, url.host, url.search]).toEqual([role, appPassword(SECRET), host, `?${query}`])
})

test('a URL that names a role is taken as it is', async () => {
  expect(await appUrlOf('postgres://me:mine@pooler/x')).toBe('postgres://me:mine@pooler/x')
})
