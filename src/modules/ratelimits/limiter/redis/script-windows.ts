import { KNOWN } from '../cores/debt-windows.ts'

/** The cores that slide or carry over, as `script-cores.ts`. */
export const LUA_WINDOWS = `
-- p: limit, a bucket's length, buckets and the one that is partly over
make.ring = function()
  local function slot(p, bucket) return 3 + fmod(bucket, p[3]) end
  local function leaves(p, bucket, now) return (bucket + p[3]) * p[2] - now end
  local function counts(p, r, amount, stamp) return stamp <= r[1] and r[1] - stamp < p[3] end
  return {
    keep = keep_debt, release = release_at, counts = counts,
    advance = function(p, r, now)
      local newest, before = floor(now / p[2]), r[1]
      if newest <= before then return end
      r[1] = newest
      if r[2] == 0 then return end
      for bucket = max(before + 1, newest - p[3] + 1), newest do
        local place = slot(p, bucket)
        r[2] = r[2] - r[place]
        r[place] = 0
      end
    end,
    room = function(p, r) return p[1] - r[2] end,
    take = function(p, r, now, amount)
      local place = slot(p, r[1])
      r[place] = r[place] + amount
      r[2] = r[2] + amount
    end,
    stamp = function(p, r) return r[1] end,
    give_back = function(p, r, amount, stamp)
      if not counts(p, r, amount, stamp) then return end
      local place = slot(p, stamp)
      local back = min(amount, r[place])
      r[place] = r[place] - back
      r[2] = r[2] - back
    end,
    wait = function(p, r, now, amount)
      if amount > p[1] then return NEVER end
      local over = r[2] + amount - p[1]
      if over <= 0 then return 0 end
      local bucket = r[1] - p[3] + 1
      while bucket < r[1] and over > r[slot(p, bucket)] do
        over = over - r[slot(p, bucket)]
        bucket = bucket + 1
      end
      return leaves(p, bucket, now)
    end,
    reset = function(p, r, now)
      if r[2] == 0 then return 0 end
      -- Never a loop that a broken row could keep going: while a script runs, its server does nothing else.
      for bucket = r[1], r[1] - p[3] + 1, -1 do
        if r[slot(p, bucket)] ~= 0 then return leaves(p, bucket, now) end
      end
      return 0
    end,
  }
end

-- p: limit, length
make.counter = function()
  local function room(p, r, now)
    return p[1] - r[2] - floor(r[3] * min((r[1] + 1) * p[2] - now, p[2]) / p[2])
  end
  return {
    keep = keep_debt, release = release_at, room = room,
    advance = function(p, r, now)
      local index, before = floor(now / p[2]), r[1]
      if index <= before then return end
      if index == before + 1 then r[3] = r[2] else r[3] = 0 end
      r[2] = 0
      r[1] = index
    end,
    take = function(p, r, now, amount) r[2] = r[2] + amount end,
    stamp = function(p, r) return r[1] end,
    counts = function(p, r, amount, stamp) return stamp == r[1] or stamp == r[1] - 1 end,
    give_back = function(p, r, amount, stamp)
      if stamp == r[1] then r[2] = max(0, r[2] - amount)
      elseif stamp == r[1] - 1 then r[3] = max(0, r[3] - amount) end
    end,
    wait = function(p, r, now, amount)
      if amount > p[1] then return NEVER end
      if room(p, r, now) >= amount then return 0 end
      local last = (r[1] + 1) * p[2]
      local fading, spare, from = r[2], p[1] - amount, last + p[2]
      if r[2] + amount <= p[1] then fading, spare, from = r[3], p[1] - r[2] - amount, last end
      return from - min(ceil((spare + 1) * p[2] / fading) - 1, p[2]) - now
    end,
    reset = function(p, r, now)
      if r[2] ~= 0 then return (r[1] + 2) * p[2] - now end
      if r[3] == 0 then return 0 end
      return (r[1] + 1) * p[2] - now
    end,
  }
end

-- A sum of money is whole units and 10^-12 of one. \`times\` is exact: its factors are cut into pieces below 10^6.
local function times(whole, rest, n)
  local a, b = floor(rest / 1000000), fmod(rest, 1000000)
  local n0, n1 = fmod(n, 1000000), fmod(floor(n / 1000000), 1000000)
  local n2 = floor(n / WHOLE)
  local middle = a * n0 + b * n1
  local low = fmod(middle, 1000000) * 1000000 + b * n0
  local high = a * n1 + b * n2 + a * n2 * 1000000 + floor(middle / 1000000) + floor(low / WHOLE)
  return whole * n + high, fmod(low, WHOLE)
end
local function minus(whole, rest, less, less_rest)
  if rest < less_rest then return whole - less - 1, rest - less_rest + WHOLE end
  return whole - less, rest - less_rest
end
-- How often the pace must be paid until the sum is; beyond 2^50 to the nearest number.
local function paces_in(whole, rest, pace, pace_rest)
  local count = ceil((whole * WHOLE + rest) / (pace * WHOLE + pace_rest))
  if count > 1125899906842624 then return count end
  local function is_all(n)
    local left, left_rest = minus(whole, rest, times(pace, pace_rest, n))
    return left < 0 or (left == 0 and left_rest == 0)
  end
  -- Below 2^50 the quotient is off by one at most.
  for exact = max(count - 2, 1), count + 2 do
    if is_all(exact) then return exact end
  end
  return count
end

-- p: limit, limit's whole units, limit's rest, length, windows; these may be 3: a calendar that debt is counted by. Then the length is the
-- mean, and 3 comes before the number of the window that ends first, an instant, and the ends from it on.
make.spend = function()
  local KNOWN, SPENT, DEBT, PACE = ${KNOWN}, 3, 5, 7
  local function window_of(p, now, before)
    if p[5] ~= 3 then return end_of(p, 5, now, before), 0 end
    if now >= p[7] then
      for j = 8, #p do if now < p[j] then return p[j], p[6] + j - 8 end end
    end
    stale = true
    return now + 1, 0
  end
  local function gone_at(p, r, now, number)
    if p[5] ~= 3 then return 1 + floor((now - r[1]) / p[4]) end
    return max(1, number - r[2])
  end
  local function end_after(p, r, count)
    local last, known = r[1], 0
    if p[5] == 3 then
      local own = 8 + r[2] - p[6]
      -- Before the first only where the row was counted by another calendar.
      if own >= 8 then known = max(0, min(count, KNOWN, #p - own)) end
      if known > 0 then last = p[own + known] end
    end
    return last + (count - known) * p[4]
  end
  local function is_zero(r, sum) return r[sum] == 0 and r[sum + 1] == 0 end
  local function is_over(whole, rest) return whole > 0 or (whole == 0 and rest > 0) end
  local function add(r, sum, whole, rest)
    local parts = r[sum + 1] + rest
    local carry = floor(parts / WHOLE)
    local units = r[sum] + whole + carry
    if units < 0 then r[sum], r[sum + 1] = 0, 0 else r[sum], r[sum + 1] = units, parts - carry * WHOLE end
  end
  local function add_amount(r, sum, amount, sign)
    local whole = floor(amount / WHOLE)
    add(r, sum, sign * whole, sign * (amount - whole * WHOLE))
  end
  local function room(p, r)
    return max(-MOST, min((p[2] - r[SPENT]) * WHOLE + (p[3] - r[SPENT + 1]), MOST))
  end
  local function set_pace(p, r)
    if is_zero(r, DEBT) then r[PACE], r[PACE + 1] = 0, 0
    elseif is_over(minus(p[2], p[3], r[PACE], r[PACE + 1])) then r[PACE], r[PACE + 1] = p[2], p[3] end
  end
  local function windows_until(r, whole, rest)
    local left, left_rest = minus(r[DEBT], r[DEBT + 1], whole, rest)
    if is_zero(r, PACE) or not is_over(left, left_rest) then return 1 end
    return 1 + paces_in(left, left_rest, r[PACE], r[PACE + 1])
  end
  return {
    release = release_within, room = room,
    -- Beyond the ends that are known the mean is off by less than a window.
    keep = function(core, p, r, now)
      local us = keep_window(core, p, r, now)
      if p[5] == 3 and not is_zero(r, DEBT) then return us + p[4] end
      return us
    end,
    advance = function(p, r, now)
      if now < r[1] or r[1] == 0 then return end
      local pace, pace_rest, last, number, left, left_rest = r[PACE], r[PACE + 1], 0, 0, 0, 0
      if not is_zero(r, PACE) then
        last, number = window_of(p, now, r[1])
        left, left_rest = minus(r[DEBT], r[DEBT + 1], times(pace, pace_rest, gone_at(p, r, now, number) - 1))
      end
      for j = 1, 8 do r[j] = 0 end
      if not is_over(left, left_rest) then return end
      r[1], r[2], r[SPENT], r[SPENT + 1] = last, number, left, left_rest
      left, left_rest = minus(left, left_rest, pace, pace_rest)
      if is_over(left, left_rest) then r[DEBT], r[DEBT + 1], r[PACE], r[PACE + 1] = left, left_rest, pace, pace_rest end
    end,
    take = function(p, r, now, amount)
      if r[1] == 0 then r[1], r[2] = window_of(p, now) end
      local over = amount - max(0, room(p, r))
      add_amount(r, SPENT, amount, 1)
      if over > 0 then add_amount(r, DEBT, over, 1) end
      set_pace(p, r)
    end,
    take_as = function(p, r, now, from)
      if is_zero(from, SPENT) then return end
      if r[1] == 0 then r[1], r[2] = window_of(p, now) end
      add(r, SPENT, from[SPENT], from[SPENT + 1])
      add(r, DEBT, from[DEBT], from[DEBT + 1])
      set_pace(p, r)
    end,
    stamp = function(p, r) return r[1] end,
    counts = function(p, r, amount, stamp) return r[1] == stamp end,
    give_back = function(p, r, amount, stamp)
      if r[1] ~= stamp then return end
      add_amount(r, SPENT, amount, -1)
      add_amount(r, DEBT, amount, -1)
      if is_zero(r, DEBT) then r[PACE], r[PACE + 1] = 0, 0 end
    end,
    wait = function(p, r, now, amount)
      if amount > p[1] then return NEVER end
      if room(p, r) >= amount then return 0 end
      local whole = floor(amount / WHOLE)
      return end_after(p, r, windows_until(r, minus(p[2], p[3], whole, amount - whole * WHOLE)) - 1) - now
    end,
    reset = function(p, r, now)
      if is_zero(r, SPENT) then return 0 end
      return end_after(p, r, windows_until(r, 0, 0) - 1) - now
    end,
  }
end
`
