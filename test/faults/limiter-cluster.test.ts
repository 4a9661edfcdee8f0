import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { describeCluster } from '../harness/redis-cluster.ts'
import { heldOpen } from './held-open.ts'
import {
  CLUSTER_FAULT_NAMES,
  type ClusterStand,
  keyOn,
  moveSlot,
  openOver,
  runClusterRound,
  withCluster,
} from './limiter-cluster.ts'
import { LIMIT, type Name, type Told } from './limiter-servers.ts'

describeCluster('two servers under load, on a Redis Cluster of three masters:', () => {
  const stand = heldOpen<ClusterStand>(withCluster)

  test.each(CLUSTER_FAULT_NAMES)(
    '%s: each limit answers as it says, within the deadline, lets through what is bounded, and is asked again',
    async (fault) => {
      const { wrong, checks, degraded } = await runClusterRound(stand(), fault, fault, { beforeMs: 200, forMs: 300 })
      expect(wrong).toEqual([])
      expect(checks).toBeGreaterThan(degraded)
    },
    60_000,
  )

  const opened = async (deadlineMs: number) => {
    const server = await openOver(stand().cluster, { deadlineMs })
    onTestFinished(() => server.close())
    const one = async (name: Name, key: string, cost = 1): Promise<Told> => {
      const [told] = await server.ask([name], key, cost)
      if (!told) throw new Error('no answer')
      return told
    }
    return { ...server, one }
  }

  test('a slot that is moved while requests come takes its counts along: the limit is let through, to the last token', async () => {
    const { cluster } = stand()
    const { ask, one } = await opened(10_000)
    const key = await keyOn(cluster, 0, 'moved')
    let isMoving = true
    const worker = async (): Promise<number> => {
      let passed = 0
      for (; isMoving; await sleep(1)) {
        const [closed, local] = await ask(['closed', 'local'], key)
        if (closed?.fits && local?.fits && !closed.degraded) passed += 1
      }
      return passed
    }
    const workers = Array.from({ length: 4 }, worker)
    await sleep(50)
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const)
      await moveSlot(cluster, key, from, to)
    isMoving = false
    let passed = (await Promise.all(workers)).reduce((sum, each) => sum + each)
    expect(passed).toBeGreaterThan(0)
    expect(await one('closed', key, 0)).toMatchObject({ degraded: false, remaining: LIMIT - passed })
    for (let left = LIMIT + 10 - passed; left > 0; left -= 1) if ((await one('closed', key)).fits) passed += 1
    expect(passed).toBe(LIMIT)
  }, 60_000)

  test('a master that is back counts nobody who was answered without it', async () => {
    const { cluster } = stand()
    const { one } = await opened(200)
    const [away, there] = [await keyOn(cluster, 0, 'away'), await keyOn(cluster, 1, 'there')]
    await cluster.kill(0)
    await cluster.restart(0)
    // It is up, and knows that it must not answer before it has heard of the others for two seconds.
    const asked: Promise<Told>[] = []
    while ((await one('closed', away, 0)).degraded) {
      for (let i = 0; i < 3; i += 1) asked.push(one('closed', away))
      // Others are answered: it is not taken for gone.
      await one('closed', there, 0)
      await sleep(20)
    }
    const told = await Promise.all(asked)
    const passed = told.filter(({ fits }) => fits)
    expect(told.length - passed.length).toBeGreaterThan(0)
    expect(passed.every(({ degraded }) => !degraded)).toBe(true)
    await sleep(200)
    expect(await one('closed', away, 0)).toMatchObject({ remaining: LIMIT - passed.length })
  }, 60_000)
})
