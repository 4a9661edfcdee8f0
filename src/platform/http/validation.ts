import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { TSchema } from 'typebox'
import { type AppError, unprocessable } from '../errors.ts'
import { isInstant } from './formats.ts'
import { refusalOf } from './json-body.ts'

const withFormats = (ajv: Ajv): Ajv => addFormats.default(ajv).addFormat('date-time', isInstant)
const OPTIONS = { strict: false, verbose: true } as const

// A body is taken as it is; a query and a path are text, so numbers and booleans in them are read from text.
const bodies = withFormats(new Ajv(OPTIONS))
const texts = withFormats(new Ajv({ ...OPTIONS, coerceTypes: true }))
// Lists all that is wrong; used after a first failure, so that only bad requests pay for it.
const thorough = withFormats(new Ajv({ ...OPTIONS, allErrors: true }))

export type Part = 'params' | 'query' | 'body' | 'reply'

const MAX_LISTED = 20
/** A body up to this size is gone through to its end for further faults; a batch of ten thousand bad events is told its first. */
const LIST_ALL_BYTES = 65_536

/**
 * Reads a value against a schema, in place: texts of query and params become numbers and booleans. Throws 422 `validation_failed` with the
 * fields and what each must be.
 */
export const checker = (schema: TSchema, part: Part): ((value: unknown, bytes?: number) => void) => {
  const fromUrl = part === 'params' || part === 'query'
  const validate = (fromUrl ? texts : bodies).compile(schema)
  const open = part === 'body' && isOpen(schema)
  let all: ValidateFunction | undefined
  return (value, bytes = 0) => {
    if (!validate(value)) {
      const first = validate.errors ?? []
      if (bytes > LIST_ALL_BYTES) throw violation(part, first)
      all ??= thorough.compile(schema)
      throw violation(part, all(value) ? first : (all.errors ?? first))
    }
    if (fromUrl && holdsNul(value)) throw unprocessable('validation_failed', 'the path or query holds a NUL (%00); remove it')
    // A closed schema bounds depth and numbers by itself.
    const refusal = open ? refusalOf(value) : undefined
    if (refusal) throw refusal
  }
}

/** A body is looked through as it is parsed; the texts of a URL are looked at here. PostgreSQL can hold none with a NUL. */
const holdsNul = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).some((text) => typeof text === 'string' && text.includes('\0'))

/** Whether a schema lets through values that it does not describe to the last leaf. */
const isOpen = (schema: unknown): boolean => {
  if (Array.isArray(schema)) return schema.some(isOpen)
  if (typeof schema !== 'object' || schema === null) return schema === true
  const node: Record<string, unknown> = { ...schema }
  const branches = node.anyOf ?? node.oneOf ?? node.allOf
  if (branches !== undefined) return isOpen(branches)
  if (node.const !== undefined || node.enum !== undefined) return false
  if (node.type === 'array') return isOpen(node.items ?? true)
  if (node.type === 'object')
    return (
      Object.values(node.properties ?? {}).some(isOpen) ||
      Object.values(node.patternProperties ?? {}).some(isOpen) ||
      (node.additionalProperties !== false && (node.additionalProperties !== undefined || node.patternProperties === undefined)
        ? isOpen(node.additionalProperties ?? true)
        : false)
    )
  return node.type === undefined
}

const fieldOf = ({ instancePath, keyword, params }: ErrorObject): string => {
  const path = instancePath
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const own =
    keyword === 'required' ? params.missingProperty : keyword === 'additionalProperties' ? params.additionalProperty : ''
  return [...path, own].filter((name) => name !== '').join('.')
}

const exampleOf = (schema: unknown): string => {
  const examples = typeof schema === 'object' && schema !== null && 'examples' in schema ? schema.examples : undefined
  return Array.isArray(examples) && examples.length > 0 ? `, such as ${examples[0]}` : ''
}

const messageOf = ({ keyword, message, params, parentSchema }: ErrorObject): string => {
  switch (keyword) {
    case 'additionalProperties':
      return 'is not a known field'
    case 'required':
      return 'is missing'
    case 'enum':
      return `must be one of ${params.allowedValues.join(', ')}`
    case 'const':
      return `must be ${params.allowedValue}`
    case 'minimum':
      return `must be ≥ ${params.limit}`
    case 'maximum':
      return `must be ≤ ${params.limit}`
    case 'exclusiveMinimum':
      return `must be > ${params.limit}`
    case 'exclusiveMaximum':
      return `must be < ${params.limit}`
    case 'type':
      return `must be ${/^[aeio]/.test(params.type) ? 'an' : 'a'} ${params.type}`
    case 'format':
      return params.format === 'date-time'
        ? 'must be an RFC 3339 instant, such as 2026-01-31T09:00:00Z'
        : `must be a valid ${params.format}${exampleOf(parentSchema)}`
    case 'pattern':
      return `must match ${params.pattern}${exampleOf(parentSchema)}`
    default:
      return message ?? 'is not valid'
  }
}

/** A union reports every branch: constants are told as one list, and that null would do as well is left out. */
const readable = (errors: readonly ErrorObject[]): readonly { field: string; message: string }[] => {
  const unions = new Map(errors.filter(({ keyword }) => keyword === 'anyOf').map((error) => [error.schemaPath, error]))
  const constants = new Map<string, string[]>()
  const told: { field: string; message: string }[] = []
  for (const error of errors) {
    const field = fieldOf(error)
    const inUnion = [...unions.keys()].some((path) => error.schemaPath.startsWith(`${path}/`))
    if (error.keyword === 'anyOf' || (inUnion && error.keyword === 'type' && error.params.type === 'null')) continue
    if (inUnion && error.keyword === 'const') constants.set(field, [...(constants.get(field) ?? []), error.params.allowedValue])
    else told.push({ field, message: messageOf(error) })
  }
  for (const [field, values] of constants) told.push({ field, message: `must be one of ${values.join(', ')}` })
  return told
}

const violation = (part: Part, errors: readonly ErrorObject[]): AppError => {
  const list = readable(errors)
    .slice(0, MAX_LISTED)
    .map(({ field, message }) => ({ field: field || part, message }))
  const first = list[0] ?? { field: part, message: 'is not valid' }
  return unprocessable('validation_failed', `${first.field} ${first.message}`, { errors: list })
}
