import { type TObject, type TProperties, type TSchema, Type } from 'typebox'

/** An object that refuses unknown fields. */
export const Strict = <P extends TProperties>(properties: P, options: { description?: string } = {}): TObject<P> =>
  Type.Object(properties, { additionalProperties: false, ...options })

/** A schema that OpenAPI writes down once, under this name, however often it is used. */
export const Named = <S extends TSchema>(name: string, schema: S): S => ({ ...schema, 'x-schema': name })

export const Instant = Type.String({
  format: 'date-time',
  description: 'RFC 3339 instant in UTC',
  examples: ['2026-01-31T09:00:00Z'],
})
/** An amount of money: major units with exactly the currency's digits. */
export const Amount = Type.String({
  pattern: '^-?[0-9]{1,15}(\\.[0-9]{1,4})?$',
  description: 'Decimal amount in major units',
  examples: ['29.99'],
})
/** An exact decimal: usage costs and quantities, up to 12 fraction digits. */
export const Decimal = Type.String({
  pattern: '^-?[0-9]{1,26}(\\.[0-9]{1,12})?$',
  description: 'Exact decimal',
  examples: ['0.013317500000'],
})
export const CurrencyCode = Type.String({ pattern: '^[A-Z]{3}$', examples: ['USD'] })
export const TimeZone = Type.String({ minLength: 1, maxLength: 64, description: 'IANA time zone', examples: ['Europe/Berlin'] })
export const Id = (prefix: string) => Type.String({ minLength: 1, maxLength: 64, description: `Id with the prefix ${prefix}_` })
export const Name = Type.String({ minLength: 1, maxLength: 200 })
export const Metadata = Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Type.String({ maxLength: 500 }), {
  maxProperties: 50,
})

export const PageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: 'Rows a page, 50 unless told' })),
  cursor: Type.Optional(Type.String({ maxLength: 500, description: 'next_cursor of the page before' })),
}

/** One page of a list; `next_cursor` is null on the last. */
export const PageOf = <T extends TSchema>(item: T) =>
  Strict({ data: Type.Array(item), next_cursor: Type.Union([Type.String(), Type.Null()]) })

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
