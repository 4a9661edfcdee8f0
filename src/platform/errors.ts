export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'payment_required'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'gone'
  | 'unprocessable'
  | 'too_large'
  | 'unsupported'
  | 'quota'
  | 'unavailable'
  | 'config'

/** An error that a caller may be told: few kinds (a kind is an HTTP status), many stable codes, a message that says what to do. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly kind: ErrorKind
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.kind = kind
    this.code = code
    this.details = details
  }
}

type Make = (code: string, message: string, details?: Readonly<Record<string, unknown>>, options?: ErrorOptions) => AppError

const of =
  (kind: ErrorKind): Make =>
  (code, message, details, options) =>
    new AppError(kind, code, message, details, options)

export const invalid = of('invalid')
export const unauthenticated = of('unauthenticated')
export const paymentRequired = of('payment_required')
export const forbidden = of('forbidden')
export const notFound = of('not_found')
export const conflict = of('conflict')
export const unprocessable = of('unprocessable')
export const quotaExceeded = of('quota')
export const unavailable = of('unavailable')
export const configError = of('config')
