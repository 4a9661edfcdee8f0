import { expect, test } from 'vitest'
import { type RedisClient, runner } from './client.ts'

/** Two masters of a Cluster that do not know the script. The one that holds the key `frozen` never answers to a whole one. */
const halfFrozen = () => {
  const brought: string[] = []
  const client: RedisClient = {
    async evalsha(_sha, _count, key = '') {
      if (!brought.includes(key)) throw new Error('NOSCRIPT No matching script. Please use EVAL.')
      return `${key} by hash`
    },
    eval(_script, _count, key = '') {
      brought.push(key)
      return key === 'frozen' ? new Promise(() => {}) : Promise.resolve(`${key} whole`)
    },
  }
  return { client, brought }
}

test('a server that does not answer to a script keeps no other server from getting it', async () => {
  const { client, brought } = halfFrozen()
  const run = runner(client)
  const asIs = (reply: unknown) => reply
  void run(['frozen'], [], asIs)
  await expect.poll(() => brought).toEqual(['frozen'])
  expect(await run(['sound'], [], asIs)).toBe('sound whole')
  expect(await run(['sound'], [], asIs)).toBe('sound by hash')
  expect(brought).toEqual(['frozen', 'sound'])
})
