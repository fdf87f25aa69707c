-- What a node says about who is in a channel.
--
-- KEYS  as above
-- ARGV  as above; 6 holder  7 how long its holds last  8 epoch if this begins the room  9 how long who lingers does  10 how long typing lasts
--       then four numbers, of: members that enter, ids that leave, ids that linger, ids that type or stop; then these in this order:
--       id and JSON of each member, ids, ids, id and 1 or 0
-- gives {epoch, version, held, ends in or nothing, ids of strangers...}
local holder, ends = ARGV[6], now + tonumber(ARGV[7])
local entering, leaving, lingers, typers = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
local strangers = {}
local at = 15

local function next_argument()
  at = at + 1
  return ARGV[at - 1]
end

local function change()
  -- First of all, or a node that was late would lose what it still has.
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
