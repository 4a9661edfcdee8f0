import { SCRIPT } from './script.ts'

/** What the limiter needs of a client of Redis or Valkey, single or Cluster. One of ioredis fits, given in by the application. */
export interface RedisClient {
  evalsha(sha: string, keyCount: number, ...args: string[]): Promise<unknown>
  eval(script: string, keyCount: number, ...args: string[]): Promise<unknown>
}

export type Run = (keys: readonly string[], args: readonly string[]) => Promise<unknown>

const isNoScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT')

const sha1 = async (text: string): Promise<string> =>
  new Uint8Array(await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text))).toHex()

/** Runs the script by its hash; a server that does not know it, new or flushed, is sent it whole. */
export const runner = (client: RedisClient): Run => {
  let hash = ''
  return async (keys, args) => {
    if (hash === '') hash = await sha1(SCRIPT)
    try {
      return await client.evalsha(hash, keys.length, ...keys, ...args)
    } catch (error) {
      if (!isNoScript(error)) throw error
      return client.eval(SCRIPT, keys.length, ...keys, ...args)
    }
  }
}
