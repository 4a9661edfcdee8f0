import { AppError, configError, type ErrorKind, unavailable } from '../platform/errors.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type Body = Readonly<Record<string, unknown>>

/** The product's API, wherever it runs. */
export interface Api {
  /** The reply's body. Throws an AppError with the code and the detail of the problem that was answered. */
  call(method: Method, path: string, body?: Body): Promise<Body>
}

export interface Answer {
  readonly status: number
  readonly text: string
}

export type Send = (method: Method, path: string, body: string | undefined) => Promise<Answer>

const PREFIX = '/api/v3/saas'

const KINDS: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid',
  401: 'unauthenticated',
  402: 'payment_required',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  413: 'too_large',
  422: 'unprocessable',
  429: 'quota',
  503: 'unavailable',
}

const isBody = (value: unknown): value is Body => typeof value === 'object' && value !== null && !Array.isArray(value)

const parse = (text: string): Body => {
  try {
    const value: unknown = JSON.parse(text)
    return isBody(value) ? value : {}
  } catch {
    return {}
  }
}

const problem = (status: number, body: Body): AppError => {
  const code = typeof body.code === 'string' ? body.code : `http_${status}`
  const detail = typeof body.detail === 'string' ? body.detail : `the server answered ${status}; is the URL that of CognitionOS?`
  return new AppError(KINDS[status] ?? 'unavailable', code, detail, body)
}

const apiOver = (send: Send): Api => ({
  async call(method, path, body) {
    const { status, text } = await send(method, PREFIX + path, body === undefined ? undefined : JSON.stringify(body))
    const parsed = parse(text)
    if (status >= 400) throw problem(status, parsed)
    return parsed
  },
})

const headersOf = (key: string, body: string | undefined): Record<string, string> => ({
  authorization: `Bearer ${key}`,
  ...(body === undefined ? {} : { 'content-type': 'application/json' }),
})

const isHttp = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

/** A server that runs somewhere. Throws `url_invalid`. */
export const apiAt = (url: string, key: string): Api => {
  if (!isHttp(url)) throw configError('url_invalid', `'${url}' is no address of a server; give one such as http://127.0.0.1:3000`)
  return apiOver(async (method, path, body) => {
    const request = { method, headers: headersOf(key, body), ...(body === undefined ? {} : { body }) }
    const reply = await fetch(new URL(path, url), request).catch((error: unknown) => {
      const message = `${url} does not answer; start it with \`cognitionos serve\`, or check --url`
      throw unavailable('server_unreachable', message, {}, { cause: error })
    })
    return { status: reply.status, text: await reply.text() }
  })
}

interface Injectable {
  inject(request: {
    method: Method
    url: string
    headers: Record<string, string>
    payload?: string
  }): Promise<{ readonly statusCode: number; readonly body: string }>
}

/** The server in this process, without a socket. */
export const apiWithin = (http: Injectable, key: string): Api =>
  apiOver(async (method, url, body) => {
    const payload = body === undefined ? {} : { payload: body }
    const reply = await http.inject({ method, url, headers: headersOf(key, body), ...payload })
    return { status: reply.statusCode, text: reply.body }
  })
