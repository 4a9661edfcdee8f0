/** What one finished request says of the system behind a limit. */
export interface Sample {
  readonly rttMs: number
  /** Requests under way when it began. */
  readonly inflight: number
  /** Timed out or refused by the system: its time says nothing of the system's own. */
  readonly dropped: boolean
}

export interface Bounds {
  /** 1 unless told. */
  readonly min?: number
  readonly max: number
}

export const within = ({ min = 1, max }: Bounds, limit: number): number => Math.max(min, Math.min(max, limit))
