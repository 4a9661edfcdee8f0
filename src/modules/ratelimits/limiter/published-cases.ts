import { BUCKET_CASES } from './published-cases/buckets.ts'
import type { PublishedCase } from './published-cases/case.ts'
import { FIXED_WINDOW_CASES } from './published-cases/fixed-windows.ts'
import { SLIDING_WINDOW_CASES } from './published-cases/sliding-windows.ts'

/** Figures of peers for one limit and one key, to be met by every backend; where ours are others, `differs` says why. */
export const PUBLISHED_CASES: readonly PublishedCase[] = [...BUCKET_CASES, ...FIXED_WINDOW_CASES, ...SLIDING_WINDOW_CASES]
