import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRoutes } from '../../src/app.ts'
import { ISOLATION_LEVELS, type IsolationLevel } from '../../src/platform/db/place.ts'
import { type Parts, recipes, urlOf } from '../factories/requests.ts'
import { makeWorld, type World } from '../factories/world.ts'
import { type Answer, type TestApp, testApp } from '../harness/app.ts'
import { OWN, type Position, positionsOf, randomLike, withIds } from './positions.ts'

let t: TestApp
/** On each level one who asks, one who has bought nothing yet, and another whose ids are asked for. */
const pairs = new Map<IsolationLevel, { readonly asker: World; readonly other: World; readonly newcomer: World }>()
beforeAll(async () => {
  t = await testApp()
  const cluster = await t.call('POST', '/clusters', { key: t.operatorKey, body: { name: 'one', url: t.database.ownerUrl } })
  for (const level of ISOLATION_LEVELS) {
    const make = () => makeWorld(t, level, level === 'CLUSTER' ? String(cluster.body.id) : undefined)
    const pair = { asker: await make(), other: await make(), newcomer: await make() }
    for (const world of [pair.asker, pair.other]) {
      for (const own of Object.values(OWN)) await own(world)
      await world.eventId()
    }
    pairs.set(level, pair)
  }
}, 120_000)
afterAll(() => t.close())

const pairOn = (level: IsolationLevel) => {
  const pair = pairs.get(level)
  if (!pair) throw new Error(`no tenants on ${level}`)
  return pair
}

/** What is left of an answer when the ids that were asked for, and what differs from request to request, are taken out. */
const essence = ({ status, headers, text }: Answer, ids: readonly string[]) => ({
  status,
  text: ids.reduce((rest, id) => rest.replaceAll(id, '<id>'), text).replace(/"request_id":"[^"]*"/, ''),
  headers: Object.entries(headers)
    .filter(([name]) => !['x-request-id', 'date', 'content-length'].includes(name))
    .map(([name, value]) => `${name}: ${value}`)
    .sort(),
})

interface Swap {
  readonly positions: readonly Position[]
  readonly title: string
}

/** Each place alone, and all at once. */
const swapsOf = (positions: readonly Position[]): readonly Swap[] =>
  [...positions.map((one) => [one]), ...(positions.length > 1 ? [positions] : [])].map((some) => ({
    positions: some,
    title: some.map(({ part, name }) => `${part}.${name}`).join(' and '),
  }))

const cells = allRoutes.flatMap((route) =>
  swapsOf(positionsOf(route)).map((swap) => [route.id, swap.title, route, swap] as const),
)

/** The asker's own request: the ids of others take the place of some of its own. Nothing here is made or changed. */
const ownParts = async (asker: World, id: string): Promise<Parts> => {
  const route = allRoutes.find((candidate) => candidate.id === id)
  const named = route ? await Promise.all(positionsOf(route).map(async (at) => [at, await OWN[at.kind](asker)] as const)) : []
  const valid = (await recipes(t.database)[id]?.(asker)) ?? {}
  return withIds(
    valid,
    named.filter(([at]) => at.part === 'params' || valid[at.part]?.[at.name] !== undefined),
  )
}

/** `key_…` of an operator who names the asker: what is not the asker's is not there. */
const callers = (route: (typeof allRoutes)[number], swap: Swap): readonly ('tenant' | 'operator')[] =>
  route.tenant !== undefined && !swap.positions.some(({ kind }) => kind === 'tenant') ? ['tenant', 'operator'] : ['tenant']

describe.each(ISOLATION_LEVELS)('level %s', (level) => {
  test.each(cells)("%s answers another tenant's id in %s as one that nobody has", async (id, _title, route, swap) => {
    const { other, ...askers } = pairOn(level)
    const asker = id === 'createSubscription' ? askers.newcomer : askers.asker
    const parts = await ownParts(asker, id)
    const foreign = await Promise.all(swap.positions.map(async (at) => [at, await OWN[at.kind](other)] as const))
    const random = foreign.map(([at, value]) => [at, randomLike(value)] as const)
    for (const caller of callers(route, swap)) {
      const key = caller === 'tenant' ? asker.key : t.operatorKey
      const ask = (ids: typeof foreign) => {
        const { body, ...rest } = withIds(parts, ids)
        return t.call(route.method, urlOf(route.path, rest), { key, ...(body === undefined ? {} : { body }) })
      }
      const [theirs, nobodys] = [await ask(foreign), await ask(random)]
      const idsOf = (ids: typeof foreign) => ids.map(([, value]) => value)
      expect(essence(theirs, idsOf(foreign))).toEqual(essence(nobodys, idsOf(random)))
      expect(theirs.text).not.toContain(other.canary.concat('@'))
      expect(idsOf(foreign).reduce((rest, value) => rest.replaceAll(value, ''), theirs.text)).not.toContain(other.id)
      if (route.access !== 'operator' && !swap.positions.every(({ part }) => part === 'query'))
        expect([404, 422]).toContain(theirs.status)
    }
  })
})

test.each(ISOLATION_LEVELS)(
  'nothing of the other tenant on level %s was changed by any of it, and its own ids work',
  async (level) => {
    const { other } = pairOn(level)
    const read = (path: string) => t.call('GET', path, { key: other.key })
    const [tenant, user, plan, subscription, invoice, events] = await Promise.all([
      read(`/tenants/${other.id}`),
      read(`/tenants/${other.id}/users/${await other.userId()}`),
      read(`/plans/${await other.planCode()}`),
      read(`/subscriptions/${await other.subscriptionId()}`),
      read(`/invoices/${await other.invoiceId()}`),
      read(`/usage/${other.id}/events`),
    ])
    expect([tenant.body.status, tenant.body.metadata]).toEqual(['active', {}])
    expect([user.body.name, user.body.removed_at]).toEqual([other.canary, null])
    expect([plan.body.archived_at, plan.body.versions]).toEqual([null, [expect.anything()]])
    expect([subscription.body.status, subscription.body.plan, subscription.body.cancel_at_period_end]).toEqual([
      'active',
      'pro',
      false,
    ])
    expect(invoice.body.status).toBe('open')
    expect(events.body.data).toHaveLength(1)
  },
)

// Without this the test above could pass because its requests reach nothing.
test.each(
  allRoutes.filter((route) => route.method === 'GET' && positionsOf(route).length > 0).map((route) => [route.id, route] as const),
)("%s answers one's own id otherwise than one that nobody has", async (id, route) => {
  const { asker } = pairOn('SHARED')
  const parts = await ownParts(asker, id)
  for (const { positions } of swapsOf(positionsOf(route))) {
    const random = await Promise.all(positions.map(async (at) => [at, randomLike(await OWN[at.kind](asker))] as const))
    const own = await t.call('GET', urlOf(route.path, parts), { key: asker.key })
    const nobodys = await t.call('GET', urlOf(route.path, withIds(parts, random)), { key: asker.key })
    expect(own.status).toBe(200)
    expect(nobodys.text).not.toBe(own.text)
  }
})
