-- Applies a change made by the holder of the latest claim.
--
-- KEYS  as in durable.lua
-- ARGV  as in durable.lua; 3 fence  4 time it is kept, in milliseconds  5 acked  6 sent
--       7 number of fields to remove, then those fields
--       then fields and values to set, in pairs; a replay is set only if it still exists
-- Returns "saved"; or "taken" or "lost" when the fence is not the latest.
local mine = standing(ARGV[3])
if mine ~= 'held' then return mine end
redis.call('HSET', subscriber, 'acked', ARGV[5], 'sent', ARGV[6])
local set = 8 + tonumber(ARGV[7])
for i = 8, set - 1 do redis.call('HDEL', subscriber, ARGV[i]) end
for i = set, #ARGV, 2 do
  local field = ARGV[i]
  if string.sub(field, 1, 1) == 'p' or redis.call('HEXISTS', subscriber, field) == 1 then
    redis.call('HSET', subscriber, field, ARGV[i + 1])
  end
end
keep(tonumber(ARGV[4]))
return 'saved'
