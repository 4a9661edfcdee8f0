/**
 * What reservations hold of a row, step for step as `memory/holds.ts`: behind the core's numbers sums of three, the end, the amount and the
 * stamp, in the order of their ends.
 */
export const LUA_HOLDS = `
-- Of a bucket less is to flow off before all that comes after the stamp.
local function sooner(limit, stamp, units, but)
  local r = limit.r
  if units == 0 then return end
  for at = limit.width + 1, #r, 3 do
    if at ~= but and r[at + 2] >= stamp then r[at + 2] = limit.core.flow.sooner(limit.p, r, r[at + 2], units) end
  end
end

-- Of what nobody holds. \`from\`: after which stamp less is to flow off before.
local function refund(limit, amount, stamp, from)
  local core, p, r = limit.core, limit.p, limit.r
  if core.flow then sooner(limit, from, core.flow.give_back(p, r, amount, stamp, amount))
  else core.give_back(p, r, amount, stamp) end
end

local function remove(r, at)
  for _ = 1, 3 do table.remove(r, at) end
end

-- Of the sum at \`at\`.
local function let_go(limit, at, back)
  local core, p, r = limit.core, limit.p, limit.r
  if core.flow then sooner(limit, r[at + 2], core.flow.give_back(p, r, back, r[at + 2], r[at + 1]), at)
  else core.give_back(p, r, back, r[at + 2]) end
end

-- What reservations that ended hold no longer counts, as of their end.
local function expire(limit, now)
  local core, p, r, at = limit.core, limit.p, limit.r, limit.width + 1
  while r[at] and r[at] <= now do
    if core.flow then
      core.advance(p, r, r[at])
      let_go(limit, at, r[at + 1])
    else
      core:release(p, r, r[at], r[at + 1], r[at + 2])
    end
    remove(r, at)
  end
end

-- Sums of which nothing counts any more go: else a row would grow by each window that ends before its reservations do. What was taken last
-- joins a sum that ends when it may, so that a row stays small under many reservations: of a window the sum of that window, of a bucket one
-- of which nothing has flowed off yet. No two sums of a row end at one instant: it tells them apart.
local function hold(limit, from, to, amount)
  local core, p, r, begin = limit.core, limit.p, limit.r, limit.width + 1
  local flow, stamp = core.flow, core.stamp(p, r, amount)
  local at = begin
  while r[at] do
    if core.counts(p, r, r[at + 1], r[at + 2]) then at = at + 3 else remove(r, at) end
  end
  for same = begin, #r, 3 do
    local own = r[same + 2]
    if r[same] >= from and r[same] <= to and ((flow and flow.flowed(p, r, own) == 0) or (not flow and own == stamp)) then
      r[same + 1] = r[same + 1] + amount
      for other = begin, #r, 3 do
        if flow and r[other + 2] > own then r[other + 2] = flow.later(p, r[other + 2], amount) end
      end
      return r[same], stamp
    end
  end
  at = begin
  while r[at] and r[at] <= to do
    if r[at] == to then to = to + 1 end
    at = at + 3
  end
  table.insert(r, at, stamp)
  table.insert(r, at, amount)
  table.insert(r, at, to)
  return to, stamp
end

-- Nothing of what was forgotten since comes back, or has flowed off. Of windows the sum at that end may be a later one's, for another that went.
local function end_hold(limit, expiry, stamp, amount, back)
  local r, at = limit.r, limit.width + 1
  while r[at] and r[at] < expiry do at = at + 3 end
  if r[at] ~= expiry or not (limit.core.flow or r[at + 2] == stamp) then return end
  let_go(limit, at, back)
  r[at + 1] = r[at + 1] - amount
  if r[at + 1] <= 0 then remove(r, at) end
end
`
