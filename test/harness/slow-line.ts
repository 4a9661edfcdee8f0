import { connect, createServer, type Socket } from 'node:net'

interface Carrier {
  readonly carry: (bytes: Buffer) => void
  readonly flush: () => void
  readonly fallSilent: () => void
}

interface Chunk {
  readonly bytes: Buffer
  readonly due: number
}

/** A line to a real server that can be held up, slowed down, cut, and led to another server. What it carries stays in order. */
export const slowLine = async (to: URL) => {
  const open = new Set<Socket>()
  const carriers = new Set<Carrier>()
  let target = to
  let held = false
  let delayMs = 0

  /** Hands on what is due, in the order in which it came. */
  const carrier = (near: Socket): Carrier => {
    const chunks: Chunk[] = []
    let isSilent = false
    const flush = (): void => {
      for (let [first] = chunks; first && !held && !isSilent; [first] = chunks) {
        const left = first.due - performance.now()
        if (left > 0) {
          setTimeout(flush, Math.ceil(left))
          return
        }
        chunks.shift()
        if (near.writable) near.write(first.bytes)
      }
    }
    return {
      flush,
      fallSilent: () => {
        isSilent = true
      },
      carry: (bytes: Buffer): void => {
        chunks.push({ bytes, due: performance.now() + delayMs })
        if (chunks.length === 1) flush()
      },
    }
  }

  const server = createServer((near) => {
    const far = connect(Number(target.port || 6379), target.hostname)
    const answers = carrier(near)
    carriers.add(answers)
    for (const socket of [near, far]) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        carriers.delete(answers)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (bytes) => far.write(bytes))
    far.on('data', answers.carry)
  })
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const breakOff = (): void => {
    for (const socket of open) socket.destroy()
  }
  const cut = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      breakOff()
    })
  return {
    port,
    /** Answers do not arrive from now on. */
    hold: () => {
      held = true
    },
    /** Those that were held arrive now. */
    letGo: () => {
      held = false
      for (const { flush } of carriers) flush()
    },
    delay: (ms: number) => {
      delayMs = ms
    },
    /** As when the other end is gone without a word: on the connections that there are nothing arrives any more. */
    fallSilent: () => {
      for (const { fallSilent } of carriers) fallSilent()
    },
    /** As a server that is killed: connections end and new ones are refused. */
    cut,
    mend: () => listen(port),
    /** Connections end, and new ones are accepted. */
    breakOff,
    /** As an address that another server takes over. */
    leadTo: (other: URL) => {
      target = other
      breakOff()
    },
  }
}

export type SlowLine = Awaited<ReturnType<typeof slowLine>>
