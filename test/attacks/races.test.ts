import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeWorld } from '../factories/world.ts'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp()
})
afterAll(() => t.close())

test('invoices asked for while the news of their subscriptions is delivered: no one waits for another in a circle', async () => {
  const worlds = await Promise.all(Array.from({ length: 24 }, () => makeWorld(t)))
  const subscriptions = await Promise.all(worlds.map(async (world) => ({ world, id: await world.subscriptionId() })))
  const [, ...answers] = await Promise.all([
    t.settle(),
    ...subscriptions.flatMap(({ world, id }) =>
      [1, 2].map(() => t.call('POST', '/invoices/generate', { key: world.key, body: { subscription_id: id } })),
    ),
  ])
  expect(answers.map(({ status, text }) => [status, status === 200 ? '' : text])).toEqual(answers.map(() => [200, '']))
  for (const { world } of subscriptions) {
    const { body } = await t.call('GET', '/invoices', { key: world.key })
    expect(body.data).toHaveLength(1)
  }
})
