import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { quotaExceeded } from '../errors.ts'

/** Requests that one connection may have sent ahead of their answers; clients and proxies send one. */
const MOST_AHEAD = 10

/** Where a request stands on its connection: among those that are served, the one that is told why it is not, or behind that one. */
export type Standing = 'served' | 'refused' | 'unheard'

export const tooFarAhead = () =>
  quotaExceeded(
    'too_many_requests_ahead',
    `more than ${MOST_AHEAD} requests were sent ahead of their answers; nothing from this one on was looked at, send it on a new connection`,
    { retry_after: 1 },
  )

/**
 * Tells where a request stands. A thousand of them come in one read, and nobody else's turn comes before all are worked off. So the
 * eleventh that is open ends its connection, behind the answers still owed; what was sent after it is not heard, and little of it is read.
 */
export const readsAhead = (): ((request: IncomingMessage, response: ServerResponse) => Standing) => {
  const open = new WeakMap<Socket, number>()
  const ending = new WeakSet<Socket>()
  return ({ socket }, response) => {
    if (ending.has(socket)) {
      // The parser reads on after each message; a turn later it rests. Whatever is parsed meanwhile is kept until the connection ends.
      setImmediate(() => socket.pause())
      return 'unheard'
    }
    const ahead = (open.get(socket) ?? 0) + 1
    if (ahead > MOST_AHEAD) {
      ending.add(socket)
      return 'refused'
    }
    open.set(socket, ahead)
    response.on('close', () => open.set(socket, (open.get(socket) ?? 1) - 1))
    return 'served'
  }
}
