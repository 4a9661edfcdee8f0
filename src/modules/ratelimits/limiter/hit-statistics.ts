/** Of what one request asked for: what passed, what would lie in the limit's last part, and what was beyond the limit. */
export interface HitStatistics {
  readonly within: number
  readonly near: number
  readonly over: number
}

/**
 * How one request counts in statistics. `used` is what had been taken before it: `limit - remaining`, and of a request that was let through
 * its cost less. `nearRatio` says where the last part begins. Source: the split of envoyproxy/ratelimit, src/limiter/base_limiter.go.
 */
export const hitStatistics = (limit: number, used: number, cost: number, nearRatio = 0.8): HitStatistics => {
  const after = used + cost
  const near = Math.max(0, Math.min(after, limit) - Math.max(Math.floor(limit * nearRatio), used))
  return after > limit ? { within: 0, near, over: after - Math.max(limit, used) } : { within: cost, near, over: 0 }
}
