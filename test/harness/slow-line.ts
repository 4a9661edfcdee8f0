import { connect, createServer, type Socket } from 'node:net'

/** A line to a real server that can be held up, slowed down, and cut. */
export const slowLine = async (to: URL) => {
  const open = new Set<Socket>()
  let held = false
  let delayMs = 0
  const server = createServer((near) => {
    const far = connect(Number(to.port || 6379), to.hostname)
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (bytes) => far.write(bytes))
    far.on('data', (bytes) => {
      if (!held) setTimeout(() => near.write(bytes), delayMs)
    })
  })
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const cut = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of open) socket.destroy()
    })
  return {
    port,
    /** Answers are lost from now on. */
    hold: () => {
      held = true
    },
    letGo: () => {
      held = false
    },
    delay: (ms: number) => {
      delayMs = ms
    },
    /** As a server that is killed: connections end and new ones are refused. */
    cut,
    mend: () => listen(port),
  }
}
