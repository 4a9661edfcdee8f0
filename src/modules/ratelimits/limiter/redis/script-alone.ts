/**
 * One token bucket asked for alone, which most requests are: the steps of `make.token` without what other cores and several limits need,
 * a third of the time. Rows that hold reservations go the long way. `differential.test.ts` holds both ways to the core.
 */
export const LUA_ALONE = `
if ARGV[1] == 'take' and ARGV[5] == 'token' and #KEYS == 1 then
  local raw = redis.call('GET', KEYS[1])
  if not raw or #raw == 16 then
    local floor, ceil, format = math.floor, math.ceil, string.format
    local injected, cost, capacity = tonumber(ARGV[2]), tonumber(ARGV[6]), tonumber(ARGV[9])
    local tick, price, drain = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
    local now = injected
    if not now then
      local t = redis.call('TIME')
      now = tonumber(t[1]) * 1000000 + tonumber(t[2])
    end
    local last, debt = 0, 0
    if raw then last, debt = struct.unpack('<dd', raw) end
    local ticks = floor(now / tick)
    if ticks > last then
      if ticks - last >= ceil(debt / drain) then debt = 0 else debt = debt - (ticks - last) * drain end
      last = ticks
    end
    local full = capacity * price
    local room = floor((full - debt) / price)
    local allowed, wait, delay, reset = room >= cost, 0, 0, 0
    if not allowed then
      local over = debt + cost * price - full
      if cost > capacity then wait = -1
      elseif over > 0 then wait = ceil(((last + ceil(over / drain)) * tick - now) / 1000) end
    elseif cost > 0 then
      if ARGV[13] == '1' and debt ~= 0 then delay = ceil(((last + ceil(debt / drain)) * tick - now) / 1000) end
      debt = debt + cost * price
      if debt > 9007199254740991 then debt = 9007199254740991 end
      room = room - cost
    end
    if debt ~= 0 then reset = ceil(((last + ceil(debt / drain)) * tick - now) / 1000) end
    if allowed and cost > 0 then
      local ms = reset
      if ms < 1 then ms = 1 elseif ms > 9007199254740991 then ms = 9007199254740991 end
      if injected and ms < 600000 then ms = 600000 end
      redis.call('SET', KEYS[1], struct.pack('<dd', last, debt), 'PX', format('%.0f', ms))
    end
    if room < 0 then room = 0 end
    local bit = allowed and 1 or 0
    if room > 4503599627370496 then room = format('%.0f', room) end
    if reset > 4503599627370496 then reset = format('%.0f', reset) end
    if wait > 4503599627370496 then wait = format('%.0f', wait) end
    if delay > 4503599627370496 then delay = format('%.0f', delay) end
    return { bit, bit, room, reset, wait, delay }
  end
end
`
