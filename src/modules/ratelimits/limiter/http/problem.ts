import type { Decision } from '../decision.ts'

/** Why a request is refused, by the problem types of draft-ietf-httpapi-ratelimit-headers-10, section 5. */
export type RefusalKind = 'quota-exceeded' | 'temporary-reduced-capacity' | 'abnormal-usage-detected'

const KINDS = {
  'quota-exceeded': [429, 'Request cannot be satisfied as assigned quota has been exceeded'],
  'temporary-reduced-capacity': [503, 'Request cannot be satisfied due to temporary server capacity constraints'],
  'abnormal-usage-detected': [429, 'Request not satisfied due to detection of abnormal request pattern'],
} as const satisfies Record<RefusalKind, readonly [status: number, title: string]>

/** Where IANA is to register the types. */
const TYPES = 'https://iana.org/assignments/http-problem-types#'

/** RFC 9457 problem details. */
export interface RefusalProblem {
  readonly type: string
  readonly title: string
  readonly status: 429 | 503
  readonly detail: string
  readonly 'violated-policies': readonly string[]
}

/** Without the shared store a limit is stricter than the client was told, so that the refusal is the server's. */
export const kindOf = ({ degraded }: Decision): RefusalKind => (degraded ? 'temporary-reduced-capacity' : 'quota-exceeded')

const and = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(' and ')

const detailOf = (names: readonly string[], retrySeconds: number | undefined): string => {
  const by = names.length === 0 ? 'the server' : `${names.length === 1 ? 'policy' : 'policies'} ${and(names)}`
  return retrySeconds === undefined
    ? `refused by ${by}; waiting does not help, a smaller request may`
    : `refused by ${by}; retry in ${retrySeconds} s`
}

/** The body of a refusal, with the name of each policy that refused. */
export const refusalProblem = (decision: Decision, retrySeconds: number | undefined, kind: RefusalKind): RefusalProblem => {
  const violated = decision.limits.filter(({ allowed }) => !allowed).map(({ limit }) => limit)
  const [status, title] = KINDS[kind]
  return { type: `${TYPES}${kind}`, title, status, detail: detailOf(violated, retrySeconds), 'violated-policies': violated }
}
