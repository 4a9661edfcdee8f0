/**
 * Token buckets and fixed windows, which most limits are: `take` by the steps of `make.token` and `make.fixed` and nothing else, so that one
 * bucket costs the server less than a bare GCRA does. `differential.test.ts` holds both ways to the cores.
 * KEYS: a row's for each limit. ARGV: for each limit four numbers, packed (`packed.ts`): the cost, what fits, what flows off a tick and one
 * more, and a tick's length, a bucket's in units of debt; of a window what flows off is 0 (by the epoch) or -1 (from the first use), and the tick
 * its length. Then, in a test, the time.
 * Answers for each limit what has been taken, or if the cost does not fit -1 less that; then, unless all are 0, for each how far the row's
 * instant is ahead of now. Of one bucket the former alone, where it can. Nothing where a reservation's end has to be looked at: then `SCRIPT`
 * is to be asked.
 * A row's key is kept to the end of the step of 2^24 microseconds in which the row is as if never used, by `write` of `SCRIPT` too: while
 * that stays the same, the row's bytes are written in place, which is a third of the work of a write with an end.
 * A number that is handed to `redis.call` is written with 17 digits, which is exact.
 */
export const SHORT_SCRIPT = `
local P, K, call, ceil, pack, read = ARGV[1], KEYS, redis.call, math.ceil, struct.pack, struct.unpack
local n, LARGE, STEP = #K, 4503599627370496, 16777216
local injected = ARGV[2]
local now
if injected then
  now = injected + 0
else
  local t = call('TIME')
  now = t[1] * 1000000 + t[2]
end

if n == 1 then
  local c, c2, f, f2, w, w2, t, t2 = read('<I7I7I7I7I7I7I7I7', P)
  local raw, flow = call('GET', K[1]), w + w2 + w2 - 1
  if flow > 0 and (not raw or #raw == 16) then
    local cost, tick, b, kept = c + c2 + c2, t + t2 + t2, 0, -1
    local a = (now - now % tick) / tick
    if raw then
      local last
      last, b = read('<dd', raw)
      kept = (last + ceil(b / flow)) * tick
      if a > last then
        b = b - (a - last) * flow
        if b < 0 then b = 0 end
      else
        a = last
      end
    end
    local ahead = a * tick - now
    if b + cost > f + f2 + f2 then
      if b > LARGE then return false end
      b = -1 - b
    elseif cost > 0 then
      b = b + cost
      local step = (a + ceil(b / flow)) * tick
      step = step - step % STEP
      if kept >= step then
        call('SETRANGE', K[1], '0', pack('<dd', a, b))
      else
        local ms = ceil((step + STEP - now) / 1000)
        if injected and ms < 600000 then ms = 600000 end
        call('PSETEX', K[1], ms, pack('<dd', a, b))
      end
    end
    if ahead == 0 then return b end
    return { b, ahead }
  end
end

-- The numbers of four limits fit before a table has to grow; an answer ends at its first nil.
local raws, rows = call('MGET', unpack(K)), { 0, 0, 0, 0, 0, 0, 0, 0 }
local taken, refused = { 0, 0, 0, 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0, 0, 0, 0 }
local allowed, is_even, at = true, true, 1
for i = 1, n do
  local c, c2, f, f2, w, w2, t, t2 = read('<I7I7I7I7I7I7I7I7', P, at)
  at = at + 56
  local cost, flow, tick = c + c2 + c2, w + w2 + w2 - 1, t + t2 + t2
  local raw, a, b, kept, ends, instant = raws[i], 0, 0, -1, 0, 0
  if raw then
    a, b = read('<dd', raw)
    if #raw > 16 then
      if read('<d', raw, 17) <= now then return false end
      ends = read('<d', raw, #raw - 23)
    elseif flow > 0 then
      kept = (a + ceil(b / flow)) * tick
    else
      kept = a
    end
  end
  if flow > 0 then
    local ticks = (now - now % tick) / tick
    if ticks > a then
      b = b - (ticks - a) * flow
      if b < 0 then b = 0 end
      a = ticks
    end
    instant = a * tick
  else
    if now >= a then a, b = 0, 0 end
    instant = a
  end
  if b > LARGE then return false end
  refused[n + i] = instant - now
  if b + cost > f + f2 + f2 then
    allowed, refused[i] = false, -1 - b
  else
    refused[i] = b
    if cost == 0 then
      rows[i] = false
    else
      b = b + cost
      local last
      if flow > 0 then
        last = (a + ceil(b / flow)) * tick
      else
        if a == 0 then
          if flow == 0 then a = now - now % tick + tick else a = now + tick end
          instant = a
        end
        last = a
      end
      local row = pack('<dd', a, b)
      if ends > 0 then
        row = row .. string.sub(raw, 17)
        if ends > last then last = ends end
      end
      local step = last - last % STEP
      rows[i], rows[n + i] = row, kept < step and step
    end
  end
  taken[i], taken[n + i] = b, instant - now
  if instant ~= now then is_even = false end
end
if not allowed then
  refused[2 * n + 1] = nil
  return refused
end

for i = 1, n do
  local row, step = rows[i], rows[n + i]
  if row and step then
    local ms = ceil((step + STEP - now) / 1000)
    if injected and ms < 600000 then ms = 600000 end
    call('PSETEX', K[i], ms, row)
  elseif row then
    call('SETRANGE', K[i], '0', row)
  end
end
if is_even then taken[n + 1] = nil else taken[2 * n + 1] = nil end
return taken
`
