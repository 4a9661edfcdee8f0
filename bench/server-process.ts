import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { PREFIX } from '../src/platform/http/server.ts'
import type { BenchPlace } from './place.ts'

export interface ServerProcess {
  readonly port: number
  readonly operatorKey: string
  stop(): Promise<void>
}

/** Serves in a process of its own: the generator of load must not share its event loop. */
export const startServer = async (file: 'serve-app.ts' | 'serve-bare.ts', place: BenchPlace): Promise<ServerProcess> => {
  const child = fork(join(import.meta.dirname, file), {
    env: { ...process.env, BENCH_OWNER_URL: place.ownerUrl, BENCH_APP_URL: place.appUrl, BENCH_SECRET: place.secret },
    stdio: ['ignore', 'inherit', process.env.BENCH_LOG ? 'inherit' : 'ignore', 'ipc'],
    // BENCH_LOG=1 shows what the server logs; BENCH_PROFILE=--cpu-prof writes a profile of the server.
    execArgv: process.env.BENCH_PROFILE ? [process.env.BENCH_PROFILE] : [],
  })
  const ended = once(child, 'exit')
  const [message] = await Promise.race([
    once(child, 'message'),
    ended.then(() => {
      throw new Error(`${file} ended before it listened`)
    }),
  ])
  return {
    port: Number(new URL(message.url).port),
    operatorKey: String(message.operatorKey ?? ''),
    async stop() {
      child.disconnect()
      await ended
    },
  }
}

const post = async ({ port, operatorKey }: ServerProcess, path: string, body: unknown): Promise<Record<string, unknown>> => {
  const answer = await fetch(`http://127.0.0.1:${port}${PREFIX}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operatorKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}: ${text}`)
  return JSON.parse(text)
}

const UNBOUND = {
  currency: 'USD',
  monthly_price: '0.00',
  included: { compute_hours: '1', api_calls: '1', storage_gb: '1', users: '1' },
  api_calls_per_minute: 1_000_000_000,
  concurrent_agents: 1,
}

/** A tenant on the shared level with a key of its own, through the API. */
export const createTenant = async (server: ServerProcess): Promise<{ id: string; key: string }> => {
  const tenant = await post(server, '/tenants', {
    name: 'Bench',
    type: 'ENTERPRISE',
    owner: { email: `owner${performance.now()}@example.com`, name: 'Owner' },
  })
  const id = String(tenant.id)
  // The largest plan there is: what is measured is counted by the API's limits and never refused.
  const plan = `bench${tenant.id}`.replaceAll('_', '').toLowerCase().slice(0, 40)
  await post(server, '/plans', { ...UNBOUND, code: plan, name: 'Bench' })
  await post(server, '/subscriptions', { tenant_id: id, plan })
  const scopes = ['usage:write', 'usage:read', 'tenants:read', 'subscriptions:read']
  const key = await post(server, `/tenants/${id}/api-keys`, { name: 'bench', scopes })
  return { id, key: String(key.secret) }
}
