import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { invalid, unprocessable } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The body's bytes as they came: what an Idempotency-Key's request hash is taken of. */
    rawBody: Buffer | undefined
  }
}

/** Nesting beyond which a body is refused: JSON.stringify and the validators of open schemas recurse. */
const MAX_DEPTH = 32

const malformed = (why: string) => invalid('malformed_json', why)

/**
 * Takes JSON bodies only, and none that would harm what reads it: no __proto__ and constructor.prototype fields, no invalid UTF-8, no text
 * that PostgreSQL cannot hold.
 */
export const takeJsonBodies = (app: FastifyInstance): void => {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.decorateRequest('rawBody', undefined)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request: FastifyRequest, raw: Buffer, done) => {
    request.rawBody = raw
    if (raw.length === 0) return done(null, undefined)
    if (!isUtf8(raw)) return done(malformed('the body is not UTF-8; send it as text, not compressed'))
    const text = raw.toString('utf8')
    parse(request, text, (error, body) => {
      if (error) return done(malformed('the body is not valid JSON, or has a field __proto__ or constructor.prototype'))
      // NUL and lone surrogates can only come as escapes: the bytes are UTF-8, and JSON has no raw control characters.
      const problem = text.includes('\\u') ? refusalOf(body) : undefined
      done(problem ?? null, body)
    })
  })
}

const isWritable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** Why a parsed value cannot be worked with: nested too deep, a number beyond a double, text that PostgreSQL cannot hold. */
export const refusalOf = (body: unknown): Error | undefined => {
  const stack: [value: unknown, depth: number][] = [[body, 0]]
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [value, depth] = next
    if (depth > MAX_DEPTH) return unprocessable('validation_failed', `the body is nested deeper than ${MAX_DEPTH} levels`)
    if (typeof value === 'string' && !isWritable(value))
      return unprocessable('validation_failed', 'a text in the body holds a NUL or half a surrogate pair; remove it')
    if (typeof value === 'number' && !Number.isFinite(value))
      return unprocessable('validation_failed', 'a number in the body is too large')
    if (typeof value === 'object' && value !== null)
      for (const [name, item] of Object.entries(value)) {
        if (!isWritable(name)) return unprocessable('validation_failed', 'a field name in the body holds a NUL; remove it')
        stack.push([item, depth + 1])
      }
  }
  return undefined
}
