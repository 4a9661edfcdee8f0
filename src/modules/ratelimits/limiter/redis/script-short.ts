/**
 * Token buckets and fixed windows, which most limits are: `take` by the steps of `make.token` and `make.fixed` and nothing else, so that one
 * bucket costs the server what a bare GCRA does. `differential.test.ts` holds both ways to the cores.
 * KEYS: a row's for each limit. ARGV: for each limit the cost, what fits, what flows off a tick and a tick's length, a bucket's in units of
 * debt; of a window what flows off is 0 (by the epoch) or -1 (from the first use), and the tick its length. Then, in a test, the time.
 * Answers two numbers a limit: what has been taken, or if the cost does not fit -1 less that; and how far the row's instant is ahead of now.
 * Of one bucket whose instant is now, the first alone. Nothing where a reservation's end has to be looked at: then `SCRIPT` is to be asked.
 * A number that is handed to `redis.call` is written with 17 digits, which is exact.
 */
export const SHORT_SCRIPT = `
local A, K, call, ceil, struct = ARGV, KEYS, redis.call, math.ceil, struct
local n, LARGE = #K, 4503599627370496
local injected = A[4 * n + 1]
local now
if injected then
  now = injected + 0
else
  local t = call('TIME')
  now = t[1] * 1000000 + t[2]
end

if n == 1 then
  local raw, flow = call('GET', K[1]), A[3] + 0
  if flow > 0 and (not raw or #raw == 16) then
    local cost, tick, b = A[1] + 0, A[4] + 0, 0
    local a = (now - now % tick) / tick
    if raw then
      local last
      last, b = struct.unpack('<dd', raw)
      if a > last then
        b = b - (a - last) * flow
        if b < 0 then b = 0 end
      else
        a = last
      end
    end
    local ahead = a * tick - now
    if b + cost > A[2] + 0 then
      if b > LARGE then return false end
      b = -1 - b
    elseif cost > 0 then
      b = b + cost
      local ms = ceil((ceil(b / flow) * tick + ahead) / 1000)
      if injected and ms < 600000 then ms = 600000 end
      call('PSETEX', K[1], ms, struct.pack('<dd', a, b))
    end
    if ahead == 0 then return b end
    return { b, ahead }
  end
end

local raws = call('MGET', unpack(K))
local firsts, seconds, tails, allowed, at = {}, {}, {}, true, 1
for i = 1, n do
  local raw, flow, tick, a, b = raws[i], A[at + 2] + 0, A[at + 3] + 0, 0, 0
  if raw then
    a, b = struct.unpack('<dd', raw)
    if #raw > 16 then
      if struct.unpack('<d', raw, 17) <= now then return false end
      tails[i] = raw
    end
  end
  if flow > 0 then
    local ticks = (now - now % tick) / tick
    if ticks > a then
      b = b - (ticks - a) * flow
      if b < 0 then b = 0 end
      a = ticks
    end
  elseif now >= a then
    a, b = 0, 0
  end
  if b > LARGE then return false end
  if b + A[at] > A[at + 1] + 0 then allowed = false end
  firsts[i], seconds[i] = a, b
  at = at + 4
end

local reply = {}
at = 1
for i = 1, n do
  local a, b, cost, flow, tick = firsts[i], seconds[i], A[at] + 0, A[at + 2] + 0, A[at + 3] + 0
  if allowed and cost > 0 then
    b = b + cost
    local last
    if flow > 0 then
      last = (a + ceil(b / flow)) * tick
    else
      if a == 0 then
        if flow == 0 then a = now - now % tick + tick else a = now + tick end
      end
      last = a
    end
    local row, tail = struct.pack('<dd', a, b), tails[i]
    if tail then
      row = row .. string.sub(tail, 17)
      local ends = struct.unpack('<d', tail, #tail - 23)
      if ends > last then last = ends end
    end
    local ms = ceil((last - now) / 1000)
    if injected and ms < 600000 then ms = 600000 end
    call('PSETEX', K[i], ms, row)
  elseif b + cost > A[at + 1] + 0 then
    b = -1 - b
  end
  if flow > 0 then a = a * tick end
  reply[2 * i - 1], reply[2 * i] = b, a - now
  at = at + 4
end
return reply
`
