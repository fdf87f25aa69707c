-- Adds the replay of a dead letter to a subscriber.
--
-- KEYS  as in durable.lua
-- ARGV  as in durable.lua; 3 field of the replay  4 replay as JSON  5 maximum number of replays
-- Returns "added", "unknown" or "full".
if not is_known() then return 'unknown' end
if redis.call('HEXISTS', subscriber, ARGV[3]) == 1 then return 'added' end
local replays = 0
for _, field in ipairs(redis.call('HKEYS', subscriber)) do
  if string.find(field, '^r%d') then replays = replays + 1 end
end
if replays >= tonumber(ARGV[5]) then return 'full' end
redis.call('HSET', subscriber, ARGV[3], ARGV[4])
return 'added'
