import { onTestFinished } from 'vitest'
import { openRedis } from '../../src/platform/redis/connection.ts'
import { silent } from './database.ts'
import { redisUrl } from './redis.ts'
import { slowLine } from './slow-line.ts'

/** The product's own connection to Redis over a line that can be held up or cut, until the test ends. */
export const farRedis = async ({ isCut = false } = {}) => {
  const line = await slowLine(new URL(redisUrl))
  if (isCut) await line.cut()
  const { client, close } = await openRedis({ urls: [`redis://127.0.0.1:${line.port}`], isCluster: false }, silent)
  onTestFinished(async () => {
    close()
    await line.cut()
  })
  return { line, client }
}
