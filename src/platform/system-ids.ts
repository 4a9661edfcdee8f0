import { randomBytes } from 'node:crypto'
import { type IdSource, systemIds } from '../lib/ids.ts'

/** Ids from the machine's clock and randomness. */
export const realIds = (): IdSource => systemIds(() => Date.now(), randomBytes)
