-- Reads or changes the names of all queues.
--
-- KEYS  1 names  sorted set: name of a queue as JSON -> time until which it is listed
-- ARGV  1 now  2 add, remove or list  3 name  4 maximum number of names; empty adds no new one beyond any  5 time to keep it, in ms
-- Returns the names for a list; otherwise 1, or 0 when there is no room.
local names, now, action, name = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3]
if action == 'list' then return redis.call('ZRANGEBYSCORE', names, '(' .. ARGV[1], '+inf') end
if action == 'remove' then return redis.call('ZREM', names, name) end
redis.call('ZREMRANGEBYSCORE', names, '-inf', ARGV[1])
if not redis.call('ZSCORE', names, name) and ARGV[4] ~= '' and redis.call('ZCARD', names) >= tonumber(ARGV[4]) then return 0 end
local ms = tonumber(ARGV[5])
redis.call('ZADD', names, string.format('%.0f', now + ms), name)
outlive({ names }, ms + afterlife)
return 1
