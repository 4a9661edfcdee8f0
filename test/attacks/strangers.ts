// A process of its own that attacks: node strangers.ts <port> <path> <connections> <milliseconds> <addresses> <seed>. Prints answers by status.
import { once } from 'node:events'
import { connect } from 'node:net'
import { newKey } from '../../src/platform/auth/key-format.ts'
import { seeded } from '../faults/seeded.ts'

const [port = '0', path = '/', ...numbers] = process.argv.slice(2)
const [connections = 1, milliseconds = 1_000, addresses = 1, seed = 1] = numbers.map(Number)
const until = performance.now() + milliseconds
const random = seeded(seed)
const statuses: Record<string, number> = {}

/** One request in five comes from one of two addresses, which are refused before anybody looks at their keys. */
const address = (): string => {
  const n = random() < 0.2 ? Math.floor(random() * 2) : Math.floor(random() * addresses)
  return `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`
}
/** Half without a key, half with a well-formed one that nobody has: the database is asked about it. */
const request = (): string => {
  const key = random() < 0.5 ? '' : `authorization: Bearer ${newKey('tn')}\r\n`
  return `GET ${path} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: ${address()}\r\n${key}\r\n`
}

const attack = async (): Promise<void> => {
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  let text = ''
  const send = (): void => {
    if (performance.now() < until) socket.write(request())
    else socket.destroy()
  }
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1')
    const head = text.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
    if (text.length < head + 4 + length) return
    const status = text.slice(9, 12)
    statuses[status] = (statuses[status] ?? 0) + 1
    text = text.slice(head + 4 + length)
    send()
  })
  socket.on('close', () => end())
  await once(socket, 'connect').then(send, () => end())
  return ended
}

/** A connection that the server ends is made anew. */
const attacker = async (): Promise<void> => {
  while (performance.now() < until) await attack()
}
await Promise.all(Array.from({ length: connections }, attacker))
console.log(JSON.stringify(statuses))
