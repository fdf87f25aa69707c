-- Applies a change of whoever holds the subscriber.
--
-- KEYS  as above
-- ARGV  as above; 3 fence  4 how long it is kept  5 acked  6 sent  7 so many fields to remove, which follow  then fields and values to
--       set, pairwise; those of replays only where they are there
-- gives saved, or taken or lost when the fence is not the latest
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
