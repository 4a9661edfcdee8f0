/**
 * Token buckets and fixed windows, which most limits are: the steps of `make.token` and `make.fixed` without what other cores need, in a
 * third of the time. Calendars and rows that hold reservations go the long way. `differential.test.ts` holds both ways to the cores.
 */
export const LUA_SHORT = `
local function go_short()
  local A, n, tonumber = ARGV, #KEYS, tonumber
  local at = 5
  for _ = 1, n do
    local kind = A[at]
    if kind == 'token' then at = at + 9
    elseif kind == 'fixed' and A[at + 5] ~= '2' then at = at + 7
    else return nil end
  end
  local raws
  if n == 1 then raws = { redis.call('GET', KEYS[1]) } else raws = redis.call('MGET', unpack(KEYS)) end
  for i = 1, n do
    if raws[i] and #raws[i] ~= 16 then return nil end
  end

  local floor, ceil, format = math.floor, math.ceil, string.format
  local MOST, LARGE = 9007199254740991, 4503599627370496
  local injected = tonumber(A[2])
  local now = injected
  if not now then
    local t = redis.call('TIME')
    now = tonumber(t[1]) * 1000000 + tonumber(t[2])
  end

  local allowed, firsts, seconds, rooms = true, {}, {}, {}
  at = 5
  for i = 1, n do
    local a, b, room = 0, 0, nil
    if raws[i] then a, b = struct.unpack('<dd', raws[i]) end
    if A[at] == 'token' then
      local price, drain = tonumber(A[at + 6]), tonumber(A[at + 7])
      local ticks = floor(now / tonumber(A[at + 5]))
      if ticks > a then
        if ticks - a >= ceil(b / drain) then b = 0 else b = b - (ticks - a) * drain end
        a = ticks
      end
      room = floor((tonumber(A[at + 4]) * price - b) / price)
    else
      if now >= a then a, b = 0, 0 end
      room = tonumber(A[at + 4]) - b
    end
    if room < tonumber(A[at + 1]) then allowed = false end
    firsts[i], seconds[i], rooms[i] = a, b, room
    at = at + 4 + tonumber(A[at + 3])
  end

  local reply = { allowed and 1 or 0 }
  at = 5
  for i = 1, n do
    local a, b, room = firsts[i], seconds[i], rooms[i]
    local cost, most = tonumber(A[at + 1]), tonumber(A[at + 4])
    local fits, wait, delay, reset = room >= cost, 0, 0, 0
    local takes = allowed and cost > 0
    if A[at] == 'token' then
      local tick, price, drain = tonumber(A[at + 5]), tonumber(A[at + 6]), tonumber(A[at + 7])
      if takes then
        if A[at + 8] == '1' and b ~= 0 then delay = ceil(((a + ceil(b / drain)) * tick - now) / 1000) end
        b = b + cost * price
        if b > MOST then b = MOST end
      elseif not fits then
        local over = b + cost * price - most * price
        if cost > most then wait = -1
        elseif over > 0 then wait = ceil(((a + ceil(over / drain)) * tick - now) / 1000) end
      end
      if b ~= 0 then reset = ceil(((a + ceil(b / drain)) * tick - now) / 1000) end
    else
      if takes then
        if a == 0 then
          local length = tonumber(A[at + 6])
          if A[at + 5] == '0' then a = (floor(now / length) + 1) * length else a = now + length end
        end
        b = b + cost
      elseif not fits then
        if cost > most then wait = -1
        elseif b + cost > most then wait = ceil((a - now) / 1000) end
      end
      if b ~= 0 then reset = ceil((a - now) / 1000) end
    end
    if takes then
      local ms = reset
      if ms < 1 then ms = 1 elseif ms > MOST then ms = MOST end
      if injected and ms < 600000 then ms = 600000 end
      redis.call('SET', KEYS[i], struct.pack('<dd', a, b), 'PX', format('%.0f', ms))
    end
    if allowed then room = room - cost end
    if room < 0 then room = 0 end
    if room > LARGE then room = format('%.0f', room) end
    if reset > LARGE then reset = format('%.0f', reset) end
    if wait > LARGE then wait = format('%.0f', wait) end
    if delay > LARGE then delay = format('%.0f', delay) end
    local out = i * 5 - 3
    reply[out], reply[out + 1], reply[out + 2], reply[out + 3], reply[out + 4] = fits and 1 or 0, room, reset, wait, delay
    at = at + 4 + tonumber(A[at + 3])
  end
  return reply
end

if ARGV[1] == 'take' then
  local reply = go_short()
  if reply then return reply end
end
`
