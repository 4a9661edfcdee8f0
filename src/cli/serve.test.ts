import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/harness/database.ts'

const BIN = join(import.meta.dirname, '../../bin/cognitionos.js')
let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const served = async (...args: string[]): Promise<string> => {
  const env = { PATH: process.env.PATH, PORT: '1', DATABASE_URL: database.ownerUrl, COGNITIONOS_SECRET: database.secret }
  const server = spawn(process.execPath, [BIN, 'serve', ...args], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    for await (const line of createInterface({ input: server.stdout })) return line
    return ''
  } finally {
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    await ended
  }
}

test('with --port it serves there, and with --json it tells its URL and once its first operator key', {
  timeout: 30_000,
}, async () => {
  expect(JSON.parse(await served('--port', '0', '--json'))).toEqual({
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d{4,5}$/),
    operator_key: expect.stringMatching(/^cog_op_/),
  })
  expect(JSON.parse(await served('--port', '0', '--json'))).toMatchObject({ operator_key: null })
})
