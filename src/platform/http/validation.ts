import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { TSchema } from 'typebox'
import { type AppError, unprocessable } from '../errors.ts'

const OPTIONS = { strict: false, allErrors: false, messages: true } as const
const formats = (ajv: Ajv): Ajv => {
  addFormats.default(ajv, ['date-time', 'email', 'uri', 'date'])
  return ajv
}

// A body is taken as it is; a query and a path are text, so numbers and booleans in them are read from text.
const bodies = formats(new Ajv(OPTIONS))
const texts = formats(new Ajv({ ...OPTIONS, coerceTypes: true }))

export type Part = 'params' | 'query' | 'body' | 'reply'

export const compile = (schema: TSchema, part: Part): ValidateFunction =>
  (part === 'params' || part === 'query' ? texts : bodies).compile(schema)

const fieldOf = ({ instancePath, keyword, params }: ErrorObject): string => {
  const path = instancePath.slice(1).replaceAll('/', '.')
  const own =
    keyword === 'required' ? params.missingProperty : keyword === 'additionalProperties' ? params.additionalProperty : undefined
  return [path, own].filter(Boolean).join('.')
}

const messageOf = ({ keyword, message, params }: ErrorObject): string => {
  if (keyword === 'additionalProperties') return 'is not a known field'
  if (keyword === 'required') return 'is missing'
  if (keyword === 'enum') return `must be one of ${params.allowedValues.join(', ')}`
  if (keyword === 'const') return `must be ${params.allowedValue}`
  return message ?? 'is not valid'
}

/** 422 `validation_failed` that names the fields and says what each must be. */
export const violation = (part: Part, errors: readonly ErrorObject[]): AppError => {
  // A union reports each branch; the branches' enum values say more than the union itself.
  const told = errors.filter(({ keyword }) => keyword !== 'anyOf' || errors.length === 1)
  const list = told.map((error) => ({ field: fieldOf(error) || part, message: messageOf(error) }))
  const first = list[0]
  return unprocessable('validation_failed', `${first?.field} ${first?.message}`, { errors: list })
}

/** Throws unless the value fits. */
export const check = (validate: ValidateFunction | undefined, part: Part, value: unknown): void => {
  if (validate && !validate(value)) throw violation(part, validate.errors ?? [])
}
