import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../../test/harness/app.ts'
import { commandIn } from '../../test/harness/command.ts'

let t: TestApp
let url: string
beforeAll(async () => {
  t = await testApp()
  url = await t.app.http.app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(() => t.close())

test('what generate made is shown with its lines', async () => {
  const tenant = await t.database.createTenant()
  const made = await t.call('POST', '/subscriptions', { key: t.operatorKey, body: { tenant_id: tenant, plan: 'starter' } })
  const command = commandIn(import.meta.dirname)
  const { code, out } = await command(['invoice', 'generate', String(made.body.id), '--url', url, '--key', t.operatorKey])
  expect([code, out]).toEqual([0, expect.stringMatching(/^Starter, one month +1 +29\.99$/m)])
})
