/**
 * For servers that count over several groups and change their limits while they count. `try` decides and takes nothing. `lend` is `take`
 * whose answer ends with each limit's stamp, and `undo` gives back what was lent under those, which the note brings. `carry` moves what the
 * other rows hold to the last one, as if taken now.
 */
export const LUA_PHASES = `
local function weigh(limits)
  for _, limit in ipairs(limits) do
    limit.room = limit.core.room(limit.p, limit.r, now)
    limit.fits = limit.room >= limit.cost
    limit.delay = 0
    if limit.fits and limit.cost > 0 and limit.core.shapes and limit.p[5] == 1 then
      limit.delay = limit.core.reset(limit.p, limit.r, now)
    end
  end
end

if op == 'try' then
  first = 0
  local limits = read_all()
  weigh(limits)
  if stale then return { -1, now } end
  return tell(limits, false)
end

if op == 'lend' then
  first = 0
  local limits = read_all()
  local allowed = acquire(limits)
  if stale then return { -1, now } end
  local reply = tell(limits, allowed)
  for _, limit in ipairs(limits) do
    if allowed and limit.cost > 0 then write(limit) end
    reply[#reply + 1] = allowed and exact(limit.core.stamp(limit.p, limit.r, limit.cost)) or 0
  end
  return reply
end

if op == 'undo' then
  first = 0
  local limits, stamps = read_all(), {}
  for stamp in string.gmatch(ARGV[4], '[^,]+') do stamps[#stamps + 1] = tonumber(stamp) end
  if stale then return { -1, now } end
  for i, limit in ipairs(limits) do
    if limit.is_used and limit.cost > 0 then
      refund(limit, limit.cost, stamps[i], stamps[i])
      -- No window has begun with what was only lent.
      if #limit.r == limit.width and limit.core.reset(limit.p, limit.r, now) == 0 then
        redis.call('DEL', limit.key)
        for j = 1, limit.width do limit.r[j] = 0 end
        limit.core.advance(limit.p, limit.r, now)
      else
        write(limit)
      end
    end
  end
  weigh(limits)
  return tell(limits, false)
end

if op == 'carry' then
  first = 0
  local limits, moved = read_all(), false
  local to = limits[#limits]
  for i = 1, #limits - 1 do
    local from = limits[i]
    if from.is_used and from.core.reset(from.p, from.r, now) > 0 then
      moved = true
      if to.core.take_as then to.core.take_as(to.p, to.r, now, from.r)
      else to.core.take(to.p, to.r, now, from.p[1] - from.core.room(from.p, from.r, now)) end
    end
  end
  if stale then return { -1, now } end
  for i = 1, #limits - 1 do redis.call('DEL', KEYS[i]) end
  if moved then write(to) end
  return { 1 }
end
`
