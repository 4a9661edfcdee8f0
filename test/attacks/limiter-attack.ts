import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { newKey } from '../../src/platform/auth/key-format.ts'
import { ask, makeTenant, type Tenant } from '../faults/load.ts'
import type { Stand } from '../faults/stand.ts'

export interface AttackOptions {
  readonly stand: Stand
  readonly calmMs: number
  readonly attackMs: number
  readonly addresses: number
  readonly connections: number
  readonly everyMs: number
  readonly told?: (line: string) => void
}

export interface Served {
  readonly calls: number
  /** By status or error, those that were not 2xx. */
  readonly failed: Readonly<Record<string, number>>
  /** Milliseconds. */
  readonly median: number
  readonly p99: number
}

export interface Sample {
  readonly at: number
  readonly heap: number
  readonly resident: number
  /** Addresses counted. */
  readonly addresses: number
}

export interface Attacked {
  readonly calm: Served
  readonly attacked: Served
  /** The attackers' answers by status. */
  readonly strangers: Readonly<Record<string, number>>
  readonly samples: readonly Sample[]
}

/** What an operator sets who has a proxy before the server. */
export const BEHIND_PROXY = { LIMIT_REQUESTS: 'true', TRUSTED_PROXIES: '127.0.0.1' } as const

const STRANGERS = fileURLToPath(new URL('./strangers.ts', import.meta.url))
const BARE = fileURLToPath(new URL('./bare-server.ts', import.meta.url))
const TENANTS = 5
const PAUSE_MS = 25
/** More calls a minute than are made. */
const PLAN = {
  currency: 'USD',
  monthly_price: '0.00',
  included: { compute_hours: '1', api_calls: '1', storage_gb: '1', users: '1' },
  api_calls_per_minute: 1_000_000,
  concurrent_agents: 1,
}

const subscribers = async (stand: Stand): Promise<readonly Tenant[]> => {
  const made = await ask(stand, 'POST', '/plans', stand.operatorKey, { ...PLAN, code: 'wide', name: 'Wide' })
  const tenants = await Promise.all(Array.from({ length: TENANTS }, () => makeTenant(stand, 'SHARED')))
  for (const { id } of tenants) {
    const { status, text } = await ask(stand, 'POST', '/subscriptions', stand.operatorKey, { tenant_id: id, plan: 'wide' })
    if (status !== 201) throw new Error(`no subscription: ${text}; the plan: ${made.text}`)
  }
  // A plan holds within a second.
  await sleep(1_000)
  return tenants
}

/** Each tenant writes and reads, one call after the other, until `isOver`. */
const serve = async (stand: Pick<Stand, 'url'>, tenants: readonly Tenant[], isOver: () => boolean): Promise<Served> => {
  const took: number[] = []
  const failed: Record<string, number> = {}
  const fail = (what: string): void => {
    failed[what] = (failed[what] ?? 0) + 1
  }
  const tenant = async ({ id, key }: Tenant): Promise<void> => {
    for (let n = 0; !isOver(); n += 1) {
      const began = performance.now()
      const asked =
        n % 2 === 0
          ? ask(stand, 'GET', `/usage/${id}/realtime`, key)
          : ask(stand, 'POST', '/usage/record', key, { type: 'API_CALL' })
      await asked.then(
        ({ status }) => (status >= 200 && status < 300) || fail(String(status)),
        (error: unknown) => fail(String(error)),
      )
      took.push(performance.now() - began)
      await sleep(PAUSE_MS)
    }
  }
  await Promise.all(tenants.map(tenant))
  const sorted = took.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0
  return { calls: took.length, failed, median: at(0.5), p99: at(0.99) }
}

const sampleOf = async (stand: Stand, at: number): Promise<Sample> => {
  const text = await fetch(`${stand.url}/metrics`).then((answer) => answer.text())
  const figure = (name: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length),
    )
  return {
    at,
    heap: figure('nodejs_heap_size_used_bytes'),
    resident: figure('process_resident_memory_bytes'),
    addresses: figure('http_rate_limit_keys{limit="address"}'),
  }
}

interface Crowd {
  readonly connections: number
  readonly addresses: number
  readonly milliseconds: number
}

/** Strangers from made-up addresses send what they can. */
const strangersAt = (url: string, tenant: Tenant | undefined, { connections, addresses, milliseconds }: Crowd) => {
  const path = `/api/v3/saas/tenants/${tenant?.id}`
  const args = [new URL(url).port, path, connections, milliseconds, addresses, 1].map(String)
  let isOver = false
  const gone = promisify(execFile)(process.execPath, [STRANGERS, ...args]).finally(() => {
    isOver = true
  })
  return { gone, isOver: () => isOver }
}

const during = (milliseconds: number): (() => boolean) => {
  const until = performance.now() + milliseconds
  return () => performance.now() > until
}

/** The same load on a bare server beside the stand's, in calm and under attack: what this machine has left while it works off strangers. */
export const attackBare = async (stand: Stand, crowd: Crowd): Promise<{ readonly calm: Served; readonly attacked: Served }> => {
  const tenants = Array.from({ length: TENANTS }, (_, i) => ({ id: `tnt_${i}`, key: newKey('tn') }))
  const env = { PATH: process.env.PATH, OWNER_URL: await stand.ownerUrl(), KEYS: tenants.map(({ key }) => key).join(',') }
  const server = fork(BARE, { env })
  try {
    const [{ url }] = await once(server, 'message')
    await serve({ url }, tenants, during(500))
    const calm = await serve({ url }, tenants, during(crowd.milliseconds))
    const { gone, isOver } = strangersAt(url, tenants[0], crowd)
    const [attacked] = await Promise.all([serve({ url }, tenants, isOver), gone])
    return { calm, attacked }
  } finally {
    server.disconnect()
  }
}

/** Tenants at work, first in calm and then while strangers from made-up addresses send what they can. */
export const attack = async (options: AttackOptions): Promise<Attacked> => {
  const { stand, calmMs, attackMs, addresses, connections, everyMs, told = () => {} } = options
  const tenants = await subscribers(stand)
  // The first calls of a process take their time.
  await serve(stand, tenants, during(500))
  const calm = await serve(stand, tenants, during(calmMs))

  const crowd = strangersAt(stand.url, tenants[0], { connections, addresses, milliseconds: attackMs })
  const samples: Sample[] = []
  const began = performance.now()
  const watch = async (): Promise<void> => {
    for (let next = began; !crowd.isOver(); await sleep(20)) {
      if (performance.now() < next) continue
      next += everyMs
      const sample = await sampleOf(stand, (performance.now() - began) / 1_000)
      samples.push(sample)
      const mb = [sample.heap, sample.resident].map((bytes) => (bytes / 1e6).toFixed(1))
      told(`${sample.at.toFixed(0)} s: ${sample.addresses} addresses counted; MB heap, resident: ${mb.join(', ')}`)
    }
  }
  const [attacked, { stdout }] = await Promise.all([serve(stand, tenants, crowd.isOver), crowd.gone, watch()])
  return { calm, attacked, strangers: JSON.parse(stdout), samples }
}
