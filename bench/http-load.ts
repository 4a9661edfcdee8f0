import { once } from 'node:events'
import { connect } from 'node:net'
import { PREFIX } from '../src/platform/http/server.ts'

/** A request's bytes, made before the clock runs. */
export const request = (method: 'GET' | 'POST', path: string, key: string | undefined, body = ''): Buffer =>
  Buffer.from(
    `${method} ${PREFIX}${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${key === undefined ? '' : `authorization: Bearer ${key}\r\n`}` +
      (body === '' ? '\r\n' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`),
  )

/** The bytes of a whole answer at the start of `text`; undefined: not all of it is there. */
const answerLength = (text: string): number | undefined => {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  // Fastify writes it small, Express large.
  const at = Math.max(text.indexOf('content-length: '), text.indexOf('Content-Length: '))
  const total = end + 4 + (at < 0 || at > end ? 0 : Number.parseInt(text.slice(at + 16, at + 28), 10))
  return text.length < total ? undefined : total
}

/** One connection: sends the next request when an answer is whole, `onread` spares it the stream. */
const open = async (port: number, next: () => Buffer | undefined, status: string) => {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let answers = 0
  let pending = ''
  const send = () => {
    const following = next()
    if (following) socket.write(following)
    else resolve(answers)
  }
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: Buffer.alloc(65_536),
      callback(bytes, buffer) {
        pending += Buffer.from(buffer.buffer, buffer.byteOffset, bytes).toString('latin1')
        const total = answerLength(pending)
        if (total === undefined) return true
        if (pending[9] !== status) reject(new Error(`the server answered: ${pending}`))
        pending = pending.slice(total)
        answers += 1
        send()
        return true
      },
    },
  })
  socket.on('error', reject).on('close', () => reject(new Error('the server closed the connection')))
  await once(socket, 'connect')
  return { socket, start: send, done: promise }
}

/** Works requests off over this many connections, one in flight on each, opened before the clock runs. A status of another class ends the run. */
export const load = async (
  port: number,
  connections: number,
  next: () => Buffer | undefined,
  status: '2' | '4' = '2',
): Promise<{ seconds: number; answers: number }> => {
  const lines = await Promise.all(Array.from({ length: connections }, () => open(port, next, status)))
  const began = performance.now()
  for (const { start } of lines) start()
  const answers = await Promise.all(lines.map(({ done }) => done))
  const seconds = (performance.now() - began) / 1_000
  for (const { socket } of lines) socket.destroy()
  return { seconds, answers: answers.reduce((sum, count) => sum + count, 0) }
}

/** For `load`: each of a list once. */
export const each = (requests: readonly Buffer[]): (() => Buffer | undefined) => {
  const left = requests.values()
  return () => left.next().value
}

/** For `load`: the same one again and again, for so long. */
export const during = (milliseconds: number, same: Buffer): (() => Buffer | undefined) => {
  const until = performance.now() + milliseconds
  return () => (performance.now() < until ? same : undefined)
}

/** For `load`: the same one so many times. */
export const times = (count: number, same: Buffer): (() => Buffer | undefined) => {
  let left = count
  return () => (left-- > 0 ? same : undefined)
}
