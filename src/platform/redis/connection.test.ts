import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { describeRedis, redisUrl } from '../../../test/harness/redis.ts'
import { slowLine } from '../../../test/harness/slow-line.ts'
import { openRedis, placeOf } from './connection.ts'

const logLines = () => {
  const lines: string[] = []
  const write = (text: string): void => {
    lines.push(String(JSON.parse(text).msg))
  }
  return { lines, log: pino({ level: 'info' }, { write }) }
}

test('the place that is told of a Redis has no password in it', () => {
  expect(placeOf('rediss://user:hidden@redis.internal')).toBe('redis.internal:6379')
  expect(placeOf('redis://:hidden@127.0.0.1:7000/2')).toBe('127.0.0.1:7000')
})

test('one that cannot be reached is logged once, stops nobody, and is sent nothing later', async () => {
  const { lines, log } = logLines()
  const { client, close } = await openRedis({ urls: ['redis://127.0.0.1:1'], isCluster: false }, log)
  onTestFinished(close)
  await expect(client.eval('return 1', 0)).rejects.toThrow()
  let tries = 0
  client.on('reconnecting', () => {
    tries += 1
  })
  await expect.poll(() => tries, { timeout: 10_000 }).toBeGreaterThan(1)
  expect(lines).toEqual(['Redis at 127.0.0.1:1 cannot be reached; trying on'])
})

describeRedis('a connection to Redis', () => {
  const stand = async () => {
    const line = await slowLine(new URL(redisUrl))
    const { lines, log } = logLines()
    const { client, close } = await openRedis({ urls: [`redis://127.0.0.1:${line.port}`], isCluster: false }, log)
    onTestFinished(async () => {
      close()
      await line.cut()
    })
    return { line, lines, client, place: `Redis at 127.0.0.1:${line.port}` }
  }

  test('is there when the start goes on, and is made again when it was lost', { timeout: 30_000 }, async () => {
    const { line, lines, client, place } = await stand()
    expect(await client.eval('return 1', 0)).toBe(1)
    await line.cut()
    await expect.poll(() => lines.length, { timeout: 10_000 }).toBe(2)
    await line.mend()
    await expect.poll(() => client.eval('return 1', 0).catch(() => 0), { timeout: 10_000 }).toBe(1)
    expect(lines).toEqual([`${place} is connected`, `${place} cannot be reached; trying on`, `${place} is connected again`])
  })

  test('sends nothing twice: what was under way when it was lost fails', { timeout: 30_000 }, async () => {
    const { line, client } = await stand()
    const key = `test-once-${line.port}`
    line.hold()
    const counted = client.eval(`redis.call('INCR', KEYS[1]) redis.call('PEXPIRE', KEYS[1], 60000) return 1`, 1, key)
    counted.catch(() => {})
    const { client: other, close } = await openRedis({ urls: [redisUrl], isCluster: false }, logLines().log)
    onTestFinished(close)
    const count = () => other.eval(`return redis.call('GET', KEYS[1])`, 1, key)
    await expect.poll(count, { timeout: 10_000 }).toBe('1')
    await line.cut()
    await expect(counted).rejects.toThrow()
    line.letGo()
    await line.mend()
    await expect.poll(() => client.eval('return 1', 0).catch(() => 0), { timeout: 10_000 }).toBe(1)
    expect(await count()).toBe('1')
  })
})
