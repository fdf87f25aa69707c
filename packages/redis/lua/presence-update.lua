-- Applies a node's update to the presence of a channel.
--
-- KEYS  as in presence.lua
-- ARGV  as in presence.lua; 6 holder  7 lifetime of its holds  8 epoch if this update begins the channel's presence
--       9 lingering time  10 typing time; 7, 9 and 10 in milliseconds
--       then four counts: members that enter, ids that leave, ids that linger, ids that type or stop; then in this order:
--       id and JSON of each member, ids, ids, id and 1 or 0
-- Returns {epoch, version, number held, milliseconds until something ends or nil, {ids of `typing` that are not present}}.
local holder, ends = ARGV[6], now + tonumber(ARGV[7])
local entering, leaving, lingers, typers = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
local strangers = {}
local at = 15

local function next_argument()
  at = at + 1
  return ARGV[at - 1]
end

local function change()
-- This comes before the removal of ended holds, or a late node would lose members that it still holds.
  if redis.call('ZSCORE', holders, holder) then redis.call('ZADD', holders, whole(ends), holder) end
  remove_ended()
  for _ = 1, entering do
    local id = next_argument()
    enter(holder, id, next_argument(), ends)
  end
  for _ = 1, leaving do release(holder, next_argument()) end
  for _ = 1, lingers do release(holder, next_argument(), now + tonumber(ARGV[9])) end
  for _ = 1, typers do
    local id, types = next_argument(), next_argument() == '1'
    if not redis.call('ZSCORE', members, id) then
      strangers[#strangers + 1] = id
    elseif types then
      redis.call('ZADD', typing, whole(now + tonumber(ARGV[10])), id)
      if not redis.call('ZSCORE', typists, id) then
        redis.call('ZADD', typists, whole(redis.call('HINCRBY', room, 'last', 1)), id)
      end
    else
      stop_typing(id)
    end
  end
end

if redis.call('EXISTS', room) == 0 then
  if entering == 0 then
    at = at + leaving + lingers
    for _ = 1, typers do
      strangers[#strangers + 1] = next_argument()
      next_argument()
    end
    return { '', 0, 0, false, strangers }
  end
  redis.call('HSET', room, 'epoch', ARGV[8])
end

local epoch, version = step(entering, change)
local answer = { epoch, version, count_holds(holder), ends_in() or false, strangers }
settle()
return answer
