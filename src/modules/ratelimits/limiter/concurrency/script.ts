/**
 * `flights.ts` in Lua, step for step, for one group of keys.
 * KEYS: what is in flight by limit and key, with the latest instant under ''; the leases; the instant each lease is over; the instant each
 * holder is gone; which leases a holder has, in the order of names.
 * ARGV: the operation; the time in a test, else ''; a holder's and a lease's lifetime in microseconds; the lease's id; the holder; the most
 * leases; the request, by which alone it lets go of what it made, or ''; then for each limit its key's name, the cost and the most.
 * Answers: of `hold` 1 or 0 and, as of `look`, what is in flight of each; of `release`, `renew`, `drop` and `reset` how many leases.
 */
export const IN_FLIGHT_SCRIPT = `
local op, injected, id, holder, by = ARGV[1], ARGV[2], ARGV[5], ARGV[6], ARGV[8]
local holder_us, lease_us = tonumber(ARGV[3]), tonumber(ARGV[4])
local COUNTS, LEASES, ENDS, HOLDERS, HELD = unpack(KEYS)
local call = redis.call

local function digits(n) return string.format('%.0f', n) end
local function in_flight(row) return tonumber(call('HGET', COUNTS, row) or 0) end

-- A clock that steps back stands still.
local now = tonumber(injected)
if not now then
  local t = call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
now = math.max(now, in_flight(''))

-- With its length before it no holder's name is the beginning of another's; no text in UTF-8 has a byte 255.
local function begins(name) return #name .. ':' .. name end
local function of_holder(command, name, ...)
  local start = begins(name)
  return call(command, HELD, '[' .. start, '(' .. start .. string.char(255), ...)
end

local function lower(row, amount)
  local left = in_flight(row) - amount
  if left > 0 then call('HSET', COUNTS, row, digits(left)) else call('HDEL', COUNTS, row) end
end

local function remove(lease_id, made_by)
  local raw = call('HGET', LEASES, lease_id)
  if not raw then return 0 end
  local lease = cmsgpack.unpack(raw)
  if made_by and lease.by ~= made_by then return 0 end
  call('HDEL', LEASES, lease_id)
  call('ZREM', ENDS, lease_id)
  call('ZREM', HELD, begins(lease.holder) .. lease_id)
  for i, row in ipairs(lease.rows) do lower(row, lease.costs[i]) end
  if #of_holder('ZRANGEBYLEX', lease.holder, 'LIMIT', 0, 1) == 0 then call('ZREM', HOLDERS, lease.holder) end
  return 1
end

-- A thousand at a time, and each row once: a holder may have many.
local function drop(name)
  local from, ids, amounts = #begins(name) + 1, {}, {}
  for i, member in ipairs(of_holder('ZRANGEBYLEX', name)) do ids[i] = string.sub(member, from) end
  for at = 1, #ids, 1000 do
    local last = math.min(at + 999, #ids)
    for _, raw in ipairs(call('HMGET', LEASES, unpack(ids, at, last))) do
      local lease = cmsgpack.unpack(raw)
      for i, row in ipairs(lease.rows) do amounts[row] = (amounts[row] or 0) + lease.costs[i] end
    end
    call('HDEL', LEASES, unpack(ids, at, last))
    call('ZREM', ENDS, unpack(ids, at, last))
  end
  of_holder('ZREMRANGEBYLEX', name)
  call('ZREM', HOLDERS, name)
  for row, amount in pairs(amounts) do lower(row, amount) end
  return #ids
end

local function renew()
  if not call('ZSCORE', HOLDERS, holder) then return 0 end
  call('ZADD', HOLDERS, digits(now + holder_us), holder)
  return of_holder('ZLEXCOUNT', holder)
end

for _, name in ipairs(call('ZRANGEBYSCORE', HOLDERS, '-inf', digits(now))) do drop(name) end
for _, lease_id in ipairs(call('ZRANGEBYSCORE', ENDS, '-inf', digits(now))) do remove(lease_id) end

local rows, costs, fits = {}, {}, true
for at = 9, #ARGV, 3 do
  local n = #rows + 1
  rows[n], costs[n] = ARGV[at], tonumber(ARGV[at + 1])
  if in_flight(rows[n]) + costs[n] > tonumber(ARGV[at + 2]) then fits = false end
end

local function hold()
  if call('HEXISTS', LEASES, id) == 1 then
    renew()
    return 1
  end
  if not fits or call('HLEN', LEASES) >= tonumber(ARGV[7]) then return 0 end
  call('HSET', LEASES, id, cmsgpack.pack({ holder = holder, by = by, rows = rows, costs = costs }))
  call('ZADD', ENDS, digits(now + lease_us), id)
  call('ZADD', HOLDERS, digits(now + holder_us), holder)
  call('ZADD', HELD, 0, begins(holder) .. id)
  for i, row in ipairs(rows) do
    if costs[i] > 0 then call('HSET', COUNTS, row, digits(in_flight(row) + costs[i])) end
  end
  return 1
end

-- All that hold of the one key that is asked about.
local function reset()
  local ended = 0
  for _, lease_id in ipairs(call('HKEYS', LEASES)) do
    for _, row in ipairs(cmsgpack.unpack(call('HGET', LEASES, lease_id)).rows) do
      if row == rows[1] then
        ended = ended + remove(lease_id)
        break
      end
    end
  end
  return ended
end

local reply = {}
if op == 'hold' then reply[1] = hold()
elseif op == 'release' then reply[1] = remove(id, by ~= '' and by)
elseif op == 'renew' then reply[1] = renew()
elseif op == 'drop' then reply[1] = drop(holder)
elseif op == 'reset' then reply[1] = reset()
end
for _, row in ipairs(rows) do reply[#reply + 1] = digits(in_flight(row)) end

-- All keys go together, when the last holder is gone; an injected time does not pass by itself.
call('HSET', COUNTS, '', digits(now))
local last = call('ZRANGE', HOLDERS, -1, -1, 'WITHSCORES')[2]
local ms = math.ceil(math.max(holder_us, tonumber(last or now) - now) / 1000)
if injected ~= '' then ms = math.max(ms, 600000) end
for _, key in ipairs(KEYS) do call('PEXPIRE', key, digits(ms)) end
return reply
`
