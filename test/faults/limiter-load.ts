import { setTimeout as sleep } from 'node:timers/promises'
import { type Asked, DEADLINE_MS, type Name, type Told } from './limiter-servers.ts'

/** What one limit let through under one key. */
interface Admitted {
  byStore: number
  /** By server, on its own. */
  readonly alone: number[]
}

export type AdmittedOf = Readonly<Record<Name, Admitted>>

export interface Load {
  /** By key, in their order. */
  readonly admitted: readonly AdmittedOf[]
  /** What was not as promised, in words. */
  readonly wrong: Set<string>
  /** How long checks took, in milliseconds. */
  readonly took: readonly number[]
  degraded(): number
  /** Each server has had an answer of the store to a check of each key that began after this was asked. */
  recovered(withinMs: number): Promise<boolean>
  stop(): Promise<void>
}

const WORKERS = 8
/** While the server is gone one command so often looks for it. */
const PROBE_MS = 200
/** Those under way when the server goes, those sent before five have failed, and one that errs. */
const BEFORE_GONE = 3 * WORKERS

/** Requests to all servers on all keys, as fast as they are answered. Each is compared with what is promised. */
export const startLoad = (servers: readonly Asked[], keys: readonly string[], { isCluster = false } = {}): Load => {
  const wrong = new Set<string>()
  const took: number[] = []
  const newAdmitted = (): Admitted => ({ byStore: 0, alone: servers.map(() => 0) })
  const admitted = keys.map(() => ({
    open: newAdmitted(),
    closed: newAdmitted(),
    local: newAdmitted(),
    leased: newAdmitted(),
  }))
  /** By server, when the last check of each key began that the store answered in time. */
  const answers = servers.map(() => keys.map(() => -1))
  const overdue = new Set<Promise<void>>()
  let running = true
  let degraded = 0

  const note = (of: AdmittedOf, server: number, name: Name, told: Told, passes: boolean): void => {
    const alone = told.degraded
    if (alone && name === 'closed' && told.fits) wrong.add('closed, and let through without the store')
    if (alone && name === 'open' && !told.fits) wrong.add('open, and refused without the store')
    if (!passes) return
    if (alone) of[name].alone[server] = (of[name].alone[server] ?? 0) + 1
    else of[name].byStore += 1
  }

  /** Fires after a timer of the deadline that is set with the check: what is answered later took longer, however busy the process is. */
  const watch = (isAnswered: () => boolean): void => {
    const { promise, resolve } = Promise.withResolvers<void>()
    overdue.add(promise)
    setTimeout(
      () =>
        setImmediate(() => {
          if (!isAnswered()) wrong.add(`a check took longer than its ${DEADLINE_MS} ms`)
          overdue.delete(promise)
          resolve()
        }),
      DEADLINE_MS,
    )
  }

  const answered = (at: number, key: number, began: number): void => {
    const last = answers[at]
    if (last) last[key] = Math.max(began, last[key] ?? -1)
  }

  const countCommands = (server: Asked): void => {
    const { commands, since } = server.unanswered()
    const most = BEFORE_GONE * server.commands + 2 + (performance.now() - since) / PROBE_MS
    if (commands > most) wrong.add(`${commands} commands went out without an answer, where ${Math.floor(most)} may`)
  }

  const check = async (at: number, server: Asked, names: readonly Name[], k: number): Promise<void> => {
    const began = performance.now()
    let isAnswered = false
    const asked = server.ask(names, keys[k] ?? '')
    watch(() => isAnswered)
    const told = await asked
    isAnswered = true
    took.push(performance.now() - began)
    if (told.length !== names.length) wrong.add(`${told.length} answers for ${names.length} limits`)
    const passes = told.every(({ fits }) => fits)
    const isAlone = told.some((one) => one.degraded)
    if (isAlone) degraded += 1
    const of = admitted[k]
    for (const [i, name] of names.entries()) if (of && told[i]) note(of, at, name, told[i], passes)
    // On a Cluster those that answer keep the way open to one that does not.
    if (!isCluster) countCommands(server)
    // What a block gives is no answer of the store to this request.
    if (!isAlone && names.some((name) => name !== 'leased')) answered(at, k, began)
  }

  const worker = async (server: Asked, at: number, turn: number): Promise<void> => {
    for (let n = turn; running; n += 1) {
      const names = server.turns[Math.floor(n / keys.length) % server.turns.length] ?? []
      await check(at, server, names, n % keys.length).catch((error: unknown) => wrong.add(`a check was rejected: ${error}`))
      // The answers of a limiter that is alone come at once: others must have their turn.
      await sleep(2)
    }
  }
  const workers = servers.flatMap((server, at) => Array.from({ length: WORKERS }, (_, turn) => worker(server, at, turn)))

  return {
    admitted,
    wrong,
    took,
    degraded: () => degraded,
    async recovered(withinMs) {
      const asked = performance.now()
      while (answers.some((began) => began.some((last) => last < asked))) {
        if (performance.now() - asked > withinMs) return false
        await sleep(5)
      }
      return true
    },
    async stop() {
      running = false
      await Promise.all(workers)
      await Promise.all(overdue)
    },
  }
}
