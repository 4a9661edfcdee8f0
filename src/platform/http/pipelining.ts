import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests that one connection may have sent ahead of their answers; clients and proxies send one. */
const MOST_AHEAD = 10

/**
 * Whether a connection has more requests open than it may, this one with them. A thousand of them come in one read, and nobody else's turn
 * comes before all are worked off.
 */
export const readsAhead = (): ((request: IncomingMessage, response: ServerResponse) => boolean) => {
  const open = new WeakMap<Socket, number>()
  return ({ socket }, response) => {
    const ahead = (open.get(socket) ?? 0) + 1
    if (ahead > MOST_AHEAD) return true
    open.set(socket, ahead)
    response.on('close', () => open.set(socket, (open.get(socket) ?? 1) - 1))
    return false
  }
}
