-- Applies a change made by the holder of the latest claim.
--
-- KEYS  as in durable.lua
-- ARGV  as in durable.lua; 3 fence  4 revision before this save  5 time it is kept, in milliseconds  6 acked  7 sent
--       8 again  9 number of fields to remove, then those fields
--       then fields and values to set, in pairs; a replay is set only if it still exists
-- Returns "saved"; or "taken" or "lost" when the fence or the revision is not the latest.
local mine = standing(ARGV[3], ARGV[4])
if mine ~= 'held' then return mine == 'taken' and mine or 'lost' end
redis.call('HSET', subscriber, 'acked', ARGV[6], 'sent', ARGV[7], 'again', ARGV[8])
redis.call('HINCRBY', subscriber, 'revision', 1)
local set = 10 + tonumber(ARGV[9])
for i = 10, set - 1 do redis.call('HDEL', subscriber, ARGV[i]) end
for i = set, #ARGV, 2 do
  local field = ARGV[i]
  if string.sub(field, 1, 1) ~= 'r' or redis.call('HEXISTS', subscriber, field) == 1 then
    redis.call('HSET', subscriber, field, ARGV[i + 1])
  end
end
keep(tonumber(ARGV[5]))
return 'saved'
