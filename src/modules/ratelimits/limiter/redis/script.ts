import { LUA_CORES } from './script-cores.ts'
import { LUA_HOLDS } from './script-holds.ts'
import { LUA_PHASES } from './script-phases.ts'
import { LUA_WINDOWS } from './script-windows.ts'

/**
 * KEYS: of `hold`, `look`, `settle` and `release` first the reservation's, then a row's for each limit.
 * ARGV: the operation; the time in a test, else ''; the milliseconds of a hold; what a hold is to be known by; then for each limit its core,
 * the cost, the numbers of a row, how many numbers the policy has, and these.
 * A row is doubles in binary: the core's, then for each end of reservations that is to come its instant, the amount held and its stamp (`script-holds.ts`).
 * Answers: of `take` and `hold` 1 or 0 and five numbers a limit; of `settle` and `release` the state and whether it changed; [-1, now] where
 * the calendar's ends that were sent do not hold the server's time; [-2] where a reservation's id is in use; [-3] where it is of other
 * limits than the caller knew.
 */
const MAIN = `
local op, injected = ARGV[1], ARGV[2]
local now
if injected == '' then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
else
  now = tonumber(injected)
end

if op == 'forget' then
  redis.call('DEL', unpack(KEYS))
  return { 1 }
end

local REMEMBERED = 86400000000
local first = 0
if op ~= 'take' and op ~= 'refund' then first = 1 end

local function read_all()
  local n = #KEYS - first
  local limits, cores, at = {}, {}, 5
  local raws
  if n > 0 then raws = redis.call('MGET', unpack(KEYS, first + 1)) end
  for i = 1, n do
    local kind, count, p, r = ARGV[at], tonumber(ARGV[at + 3]), {}, nil
    for j = 1, count do p[j] = tonumber(ARGV[at + 3 + j]) end
    local core = cores[kind] or make[kind]()
    cores[kind] = core
    local limit = { key = KEYS[first + i], core = core, p = p, cost = tonumber(ARGV[at + 1]), width = tonumber(ARGV[at + 2]) }
    local raw = raws[i]
    if raw then
      local size = #raw / 8
      r = { struct.unpack('<' .. string.rep('d', size), raw) }
      r[size + 1] = nil
      limit.is_used = true
    else
      r = {}
      for j = 1, limit.width do r[j] = 0 end
    end
    limit.r = r
    if r[limit.width + 1] then expire(limit, now) end
    core.advance(p, r, now)
    limits[i] = limit
    at = at + 4 + count
  end
  return limits
end

-- Kept to the end of the step in which it is as if never used; an injected time does not pass by itself, so that a test's rows stay a while.
local STEP = 16777216
local function write(limit)
  local r, last = limit.r, 0
  if #r > limit.width then last = r[#r - 2] end
  last = max(now + limit.core:keep(limit.p, r, now), last)
  local ms = ceil((last - last % STEP + STEP - now) / 1000)
  if injected ~= '' then ms = max(ms, 600000) end
  ms = string.format('%.0f', max(1, min(ms, MOST)))
  redis.call('SET', limit.key, struct.pack('<' .. string.rep('d', #r), unpack(r)), 'PX', ms)
end

-- Near 2^53 clients read integers of the protocol wrong; digits they leave alone.
local function exact(n)
  if n > 4503599627370496 then return string.format('%.0f', n) end
  return n
end

local function to_ms(us)
  if us == NEVER then return -1 end
  return exact(ceil(us / 1000))
end

local function acquire(limits)
  local allowed = true
  for _, limit in ipairs(limits) do
    limit.room = limit.core.room(limit.p, limit.r, now)
    limit.fits = limit.room >= limit.cost
    allowed = allowed and limit.fits
  end
  for _, limit in ipairs(limits) do
    limit.delay = 0
    if allowed and limit.cost > 0 then
      if limit.core.shapes and limit.p[5] == 1 then limit.delay = limit.core.reset(limit.p, limit.r, now) end
      limit.core.take(limit.p, limit.r, now, limit.cost)
    end
  end
  return allowed
end

local function tell(limits, allowed)
  local reply = { allowed and 1 or 0 }
  for _, limit in ipairs(limits) do
    local n = #reply
    local core, p, r = limit.core, limit.p, limit.r
    reply[n + 1] = limit.fits and 1 or 0
    reply[n + 2] = exact(max(0, allowed and limit.room - limit.cost or limit.room))
    reply[n + 3] = to_ms(core.reset(p, r, now))
    reply[n + 4] = limit.fits and 0 or to_ms(core.wait(p, r, now, limit.cost))
    reply[n + 5] = to_ms(limit.delay)
  end
  return reply
end

if op == 'take' then
  local limits = read_all()
  local allowed = acquire(limits)
  if stale then return { -1, now } end
  if allowed then
    for _, limit in ipairs(limits) do if limit.cost > 0 then write(limit) end end
  end
  return tell(limits, allowed)
end

if op == 'refund' then
  local limits = read_all()
  if stale then return { -1, now } end
  for _, limit in ipairs(limits) do
    if limit.is_used then
      refund(limit, limit.cost, limit.core.stamp(limit.p, limit.r, 0), 0)
      write(limit)
    end
  end
  return { 1 }
end
`

const RESERVATIONS = `
local HELD, SETTLED, RELEASED, EXPIRED = 1, 2, 3, 4

if op == 'look' then
  local raw = redis.call('GET', KEYS[1])
  if not raw then return false end
  return cmsgpack.unpack(raw).asks
end

if op == 'hold' then
  if redis.call('EXISTS', KEYS[1]) == 1 then return { -2 } end
  local limits = read_all()
  local allowed = acquire(limits)
  if stale then return { -1, now } end
  if not allowed then return tell(limits, false) end
  local ttl = tonumber(ARGV[3]) * 1000
  -- An end may be up to a 32nd of the time later, so that a row's sums are few.
  local _, exponent = math.frexp(ttl / 32)
  local from, expiry = now + ttl, now + ttl
  local to = from + max(1, math.ldexp(1, exponent - 1))
  local record = { state = HELD, asks = ARGV[4], amounts = {}, ends = {}, stamps = {} }
  for i, limit in ipairs(limits) do
    record.amounts[i], record.ends[i], record.stamps[i] = limit.cost, 0, 0
    if limit.cost > 0 then
      record.ends[i], record.stamps[i] = hold(limit, from, to, limit.cost)
      expiry = max(expiry, record.ends[i])
      write(limit)
    end
  end
  record.expiry = expiry
  local ms = string.format('%.0f', ceil((expiry - now + REMEMBERED) / 1000))
  redis.call('SET', KEYS[1], cmsgpack.pack(record), 'PX', ms)
  return tell(limits, true)
end

-- settle, release
local raw = redis.call('GET', KEYS[1])
if not raw then return { 0, 0 } end
local record = cmsgpack.unpack(raw)
local was = record.state
if was == HELD and now >= record.expiry then was = EXPIRED end
local to = RELEASED
if op == 'settle' then to = SETTLED end
if not (was == HELD or (was == EXPIRED and to == SETTLED)) then return { was, 0 } end
if record.asks ~= ARGV[4] then return { -3 } end

local limits = read_all()
local stamps = record.stamps or {} -- an earlier version wrote none: then no window gets anything back
for i, limit in ipairs(limits) do
  local core, p, r = limit.core, limit.p, limit.r
  local amount, counted, truth = record.amounts[i], 0, limit.cost
  if truth < 0 then truth = amount end
  if to == RELEASED then truth = 0 end
  if was == HELD and amount > 0 and now < record.ends[i] then
    counted = amount
    end_hold(limit, record.ends[i], stamps[i], amount, max(0, amount - truth))
  end
  if truth > counted then
    core.take(p, r, now, truth - counted)
    limit.is_used = true
  end
end
if stale then return { -1, now } end
for _, limit in ipairs(limits) do if limit.is_used then write(limit) end end
record.state = to
redis.call('SET', KEYS[1], cmsgpack.pack(record), 'KEEPTTL')
return { to, 1 }
`

export const SCRIPT = LUA_CORES + LUA_WINDOWS + LUA_HOLDS + MAIN + LUA_PHASES + RESERVATIONS
