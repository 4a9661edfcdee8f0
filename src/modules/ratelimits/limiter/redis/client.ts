import { SCRIPT } from './script.ts'

/** What the limiter needs of a client of Redis or Valkey, single or Cluster. One of ioredis fits, given in by the application. */
export interface RedisClient {
  evalsha(sha: string, keyCount: number, ...args: string[]): Promise<unknown>
  eval(script: string, keyCount: number, ...args: string[]): Promise<unknown>
}

/** Whether nobody waits for the answer any more: then nothing further is sent for it. */
export type IsOver = () => boolean

/** Runs the script, and reads what it answers. */
export type Run = <T>(
  keys: readonly string[],
  args: readonly string[],
  read: (reply: unknown) => T | Promise<T>,
  isOver?: IsOver,
) => Promise<T>

type Send = (keys: readonly string[], args: readonly string[], isOver?: IsOver) => Promise<unknown>

const refuseLate = (isOver?: IsOver): void => {
  if (isOver?.()) throw new Error('nobody waits for what was to be asked')
}

const isNoScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT')

const sha1 = async (text: string): Promise<string> =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text))), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')

/** Nobody waits longer for another's request: on a Cluster that may have gone to a server that does not answer. */
const BRINGING_MS = 10

const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, BRINGING_MS))

/** Runs a script by its hash. To a server that does not know it, new or flushed, one request brings it whole; the others wait for that. */
export const runner = (client: RedisClient, script: string = SCRIPT): Run => {
  let hash = ''
  let bringing: Promise<unknown> | undefined

  const byHash: Send = (keys, args) => client.evalsha(hash, keys.length, ...keys, ...args)
  const whole: Send = (keys, args) => client.eval(script, keys.length, ...keys, ...args)

  const bring: Send = async (keys, args, isOver) => {
    refuseLate(isOver)
    if (!bringing) {
      const brought = whole(keys, args).finally(() => {
        bringing = undefined
      })
      bringing = Promise.race([brought, moment()]).catch(() => {})
      return brought
    }
    await bringing
    refuseLate(isOver)
    // On a Cluster it may have been another server's.
    return byHash(keys, args).catch((error: unknown) => {
      if (!isNoScript(error)) throw error
      refuseLate(isOver)
      return whole(keys, args)
    })
  }

  const run: Run = (keys, args, read, isOver) => {
    refuseLate(isOver)
    return byHash(keys, args).then(read, (error: unknown) => {
      if (!isNoScript(error)) throw error
      return bring(keys, args, isOver).then(read)
    })
  }

  return (keys, args, read, isOver) => {
    if (hash !== '') return run(keys, args, read, isOver)
    return sha1(script).then((text) => {
      hash = text
      return run(keys, args, read, isOver)
    })
  }
}
