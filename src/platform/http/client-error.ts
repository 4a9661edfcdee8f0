import type { Socket } from 'node:net'
import { AppError } from '../errors.ts'
import { problemOf } from './problem.ts'
import { PROBLEM_TYPE } from './problem-reply.ts'

const KNOWN: Readonly<Record<string, readonly [status: number, code: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'headers_too_large', 'the headers are larger than 16 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request_timeout', 'the request did not arrive in time'],
}
const MALFORMED = [400, 'malformed_http', 'this is not HTTP that we can read'] as const

/** Answers what is no readable HTTP request: there is no request object yet, so the answer is written by hand. */
export const refuseBadHttp = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (socket.writable) {
    const [status, code, detail] = KNOWN[error.code ?? ''] ?? MALFORMED
    const problem = problemOf(new AppError('invalid', code, detail), '', status)
    const body = JSON.stringify(problem)
    const head = `HTTP/1.1 ${status} ${problem.title}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}`
    socket.write(`${head}\r\nconnection: close\r\n\r\n${body}`)
  }
  socket.destroySoon()
}
