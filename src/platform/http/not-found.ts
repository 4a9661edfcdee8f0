import type { FastifyReply, FastifyRequest } from 'fastify'
import { notFound } from '../errors.ts'
import { sendProblem } from './problem-reply.ts'

/** The methods of every path that is served. */
export interface ServedPaths {
  add(method: string | readonly string[], url: string): void
  methodsAt(path: string): readonly string[]
}

export const servedPaths = (): ServedPaths => {
  const served: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = []
  return {
    add(method, url) {
      if (url.includes('*')) return // a plugin's catch-all serves no path of its own
      const pattern = new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`)
      served.push({ pattern, methods: [method].flat() })
    },
    methodsAt: (path) => [...new Set(served.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))],
  }
}

/** 405 with Allow where the path is served for other methods, else 404. */
export const notFoundHandler =
  (served: ServedPaths) =>
  (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const path = request.url.split('?', 1)[0] ?? ''
    const methods = served.methodsAt(path)
    if (methods.length === 0)
      return sendProblem(reply, notFound('route_not_found', `there is no ${path.slice(0, 200)}; see /docs`))
    const allow = methods.toSorted().join(', ')
    reply.header('allow', allow)
    return sendProblem(reply, notFound('method_not_allowed', `${request.method} is not for this path; it takes ${allow}`), 405)
  }
