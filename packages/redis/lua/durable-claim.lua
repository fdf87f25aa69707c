-- Takes a subscriber over, or makes it.
--
-- KEYS  as above
-- ARGV  as above; 3 where it begins  4 most subscribers of a channel  5 how long it is kept
-- gives {1 when it is new, its fields...}, or nothing where there are too many
local is_new = not is_known()
if is_new then
  redis.call('DEL', subscriber)
  redis.call('ZREM', names, name)
  if not has_room(tonumber(ARGV[4])) then return false end
  redis.call('HSET', subscriber, 'acked', ARGV[3], 'sent', ARGV[3])
end
claim()
keep(tonumber(ARGV[5]))
return { is_new and 1 or 0, redis.call('HGETALL', subscriber) }
