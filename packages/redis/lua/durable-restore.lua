-- Restores a subscriber whose latest claim the store has lost.
--
-- KEYS  as in durable.lua
-- ARGV  as in durable.lua; 3 fence of the lost claim  4 time it is kept, in milliseconds  5 acked  6 sent
--       7 maximum subscribers per channel  then fields and values, in pairs
-- Returns 1 when the subscriber has that fence afterwards; 0 when there is a later claim, or the channel has too many.
local mine = standing(ARGV[3])
if mine ~= 'lost' then return mine == 'held' and 1 or 0 end
if not has_room(tonumber(ARGV[7])) then return 0 end
redis.call('DEL', subscriber)
redis.call('HSET', subscriber, 'fence', ARGV[3], 'acked', ARGV[5], 'sent', ARGV[6])
for i = 8, #ARGV, 2 do redis.call('HSET', subscriber, ARGV[i], ARGV[i + 1]) end
keep(tonumber(ARGV[4]))
return 1
