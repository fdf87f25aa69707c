-- Claims a durable subscriber, or creates it.
--
-- KEYS  as in durable.lua
-- ARGV  as in durable.lua; 3 start position of a new subscriber  4 maximum subscribers per channel
--       5 time it is kept, in milliseconds
-- Returns {1 when it is new, {its fields...}}, or nil when the channel has too many.
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
