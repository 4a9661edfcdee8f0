/**
 * The cores of `cores/` in Lua, step for step with the same numbers a row, `r[1]` being the first. Lua's numbers are JavaScript's, so the same
 * steps give the same figures; only `%` differs (inexact in Lua 5.1), and BigInt, in whose place sums stay two numbers.
 * `p` is the policy's numbers in the order of `specOf`. `release` is what a reservation's end gives back of a window; a bucket has `flow` as
 * of `cores/core.ts`. `keep` is for how long a row is.
 */
export const LUA_CORES = `
local floor, ceil, min, max, fmod = math.floor, math.ceil, math.min, math.max, math.fmod
local MOST, NEVER, WHOLE = 9007199254740991, math.huge, 1000000000000
local stale = false

-- p[i] on: 0 and a length (by the epoch), 1 and a length (from the first use), or 2, an instant and the calendar's ends from it on.
-- Windows follow one that ended with debt, \`before\`, without a gap.
local function end_of(p, i, now, before)
  if p[i] == 0 then return (floor(now / p[i + 1]) + 1) * p[i + 1] end
  if p[i] == 1 then
    if before then return before + (floor((now - before) / p[i + 1]) + 1) * p[i + 1] end
    return now + p[i + 1]
  end
  if now >= p[i + 1] then
    for j = i + 2, #p do if now < p[j] then return p[j] end end
  end
  stale = true
  return now + 1
end

local function keep_debt(core, p, r, now) return core.reset(p, r, now) end
local function keep_window(core, p, r, now) return max(core.reset(p, r, now), r[1] - now) end
-- Without debt to its last use, which is ahead where the clock stepped back: so the short script reads from the row how long it is kept.
local function keep_tick(core, p, r, now) return max(core.reset(p, r, now), r[1] * p[2] - now) end
local function release_at(core, p, r, expiry, amount, stamp)
  core.advance(p, r, expiry)
  core.give_back(p, r, amount, stamp)
end
-- A window that was over before the reservation ended gives no credit, and needs no advance to know it.
local function release_within(core, p, r, expiry, amount, stamp)
  if expiry < stamp then core.give_back(p, r, amount, stamp) end
end

local function given_back_of(flow)
  return function(p, r, amount, stamp, of)
    local price, flowed = flow.price(p), flow.flowed(p, r, stamp)
    local back = min(r[2], max(0, of * price - flowed) - max(0, (of - amount) * price - flowed))
    r[2] = r[2] - back
    return back
  end
end

local function counts_of(flow)
  return function(p, r, amount, stamp) return flow.flowed(p, r, stamp) < amount * flow.price(p) end
end

local make = {}

-- p: capacity, tick, price, drain, 1 for a shaper
make.token = function()
  local function until_off(p, r, units, now) return (r[1] + ceil(units / p[4])) * p[2] - now end
  local flow = {
    price = function(p) return p[3] end,
    flowed = function(p, r, stamp) return max(0, r[1] - stamp) * p[4] end,
    later = function(p, stamp, amount) return stamp + floor(amount * p[3] / p[4]) end,
    sooner = function(p, r, stamp, units)
      if stamp < r[1] then return stamp end
      return max(r[1], stamp - ceil(units / p[4]))
    end,
  }
  flow.give_back = given_back_of(flow)
  return {
    keep = keep_tick, flow = flow, counts = counts_of(flow), shapes = true,
    advance = function(p, r, now)
      local ticks, last, debt = floor(now / p[2]), r[1], r[2]
      if ticks <= last then return end
      r[1] = ticks
      if ticks - last >= ceil(debt / p[4]) then r[2] = 0 else r[2] = debt - (ticks - last) * p[4] end
    end,
    room = function(p, r) return floor((p[1] * p[3] - r[2]) / p[3]) end,
    take = function(p, r, now, amount) r[2] = min(r[2] + amount * p[3], MOST) end,
    stamp = function(p, r, amount) return r[1] + floor((r[2] - amount * p[3]) / p[4]) end,
    give_back = function(p, r, amount, stamp) flow.give_back(p, r, amount, stamp, amount) end,
    wait = function(p, r, now, amount)
      if amount > p[1] then return NEVER end
      local over = r[2] + amount * p[3] - p[1] * p[3]
      if over <= 0 then return 0 end
      return until_off(p, r, over, now)
    end,
    reset = function(p, r, now)
      if r[2] == 0 then return 0 end
      return until_off(p, r, r[2], now)
    end,
  }
end

-- p: capacity, tokens, length
make.interval = function()
  local function until_off(p, r, taken, now) return r[1] + (ceil(taken / p[2]) - 1) * p[3] - now end
  local flow = {
    price = function() return 1 end,
    flowed = function(p, r, stamp)
      if r[1] == 0 then return NEVER end
      return max(0, floor((r[1] - stamp) / p[3])) * p[2]
    end,
    later = function(p, stamp, amount) return stamp + floor(amount / p[2]) * p[3] end,
    sooner = function(p, r, stamp, units)
      if stamp < r[1] then return stamp end
      return max(r[1], stamp - ceil(units / p[2]) * p[3])
    end,
  }
  flow.give_back = given_back_of(flow)
  return {
    keep = keep_window, flow = flow, counts = counts_of(flow),
    advance = function(p, r, now)
      local after = r[1]
      if after == 0 or now < after then return end
      local refills = 1 + floor((now - after) / p[3])
      local taken = max(0, r[2] - refills * p[2])
      if taken == 0 then r[1] = 0 else r[1] = after + refills * p[3] end
      r[2] = taken
    end,
    room = function(p, r) return p[1] - r[2] end,
    take = function(p, r, now, amount)
      if amount > 0 and r[1] == 0 then r[1] = now + p[3] end
      r[2] = r[2] + amount
    end,
    stamp = function(p, r, amount) return r[1] + floor((r[2] - amount) / p[2]) * p[3] end,
    give_back = function(p, r, amount, stamp) flow.give_back(p, r, amount, stamp, amount) end,
    wait = function(p, r, now, amount)
      if amount > p[1] then return NEVER end
      local over = r[2] + amount - p[1]
      if over <= 0 then return 0 end
      return until_off(p, r, over, now)
    end,
    reset = function(p, r, now)
      if r[2] == 0 then return 0 end
      return until_off(p, r, r[2], now)
    end,
  }
end

-- p: limit, windows
make.fixed = function()
  return {
    keep = keep_window, release = release_within,
    advance = function(p, r, now)
      if now >= r[1] then r[1], r[2] = 0, 0 end
    end,
    room = function(p, r) return p[1] - r[2] end,
    take = function(p, r, now, amount)
      if r[1] == 0 then r[1] = end_of(p, 2, now) end
      r[2] = r[2] + amount
    end,
    stamp = function(p, r) return r[1] end,
    counts = function(p, r, amount, stamp) return r[1] == stamp end,
    give_back = function(p, r, amount, stamp)
      if r[1] == stamp then r[2] = max(0, r[2] - amount) end
    end,
    wait = function(p, r, now, amount)
      if amount > p[1] then return NEVER end
      if r[2] + amount <= p[1] then return 0 end
      return r[1] - now
    end,
    reset = function(p, r, now)
      if r[2] == 0 then return 0 end
      return r[1] - now
    end,
  }
end
`
