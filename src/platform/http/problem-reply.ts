import type { FastifyReply } from 'fastify'
import { problemOf, retryAfterOf } from './problem.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** Answers with the problem of an error; `status` only where HTTP has one that no kind of error stands for. */
export const sendProblem = (reply: FastifyReply, error: unknown, status?: number): FastifyReply => {
  const problem = problemOf(error, reply.request.id, status)
  const wait = retryAfterOf(error)
  if (wait !== undefined) reply.header('retry-after', String(wait))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="cognitionos"')
  return reply.code(problem.status).header('content-type', PROBLEM_TYPE).send(JSON.stringify(problem))
}
