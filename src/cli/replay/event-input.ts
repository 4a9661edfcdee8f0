/** An event as POST /usage/batch takes it; the server checks it. */
export interface EventInput {
  readonly id: string
  readonly type: string
  readonly occurred_at?: string
  readonly [field: string]: unknown
}
