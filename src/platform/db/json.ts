/** A value as jsonb gives it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
