-- Makes a subscriber again of which the store has lost the latest claim.
--
-- KEYS  as above
-- ARGV  as above; 3 the fence of that claim  4 how long it is kept  5 acked  6 sent  7 most subscribers of a channel  then fields
--       and values, pairwise
-- gives 1 when it is there under that fence, 0 where somebody has claimed it since, or there are too many
local mine = standing(ARGV[3])
if mine ~= 'lost' then return mine == 'held' and 1 or 0 end
if not has_room(tonumber(ARGV[7])) then return 0 end
redis.call('DEL', subscriber)
redis.call('HSET', subscriber, 'fence', ARGV[3], 'acked', ARGV[5], 'sent', ARGV[6])
for i = 8, #ARGV, 2 do redis.call('HSET', subscriber, ARGV[i], ARGV[i + 1]) end
keep(tonumber(ARGV[4]))
return 1
