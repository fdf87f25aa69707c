-- Adds a delivery, unless one with its id waits or was finished lately.
--
-- KEYS  as in deliveries.lua
-- ARGV  1 now  2 id  3 content  4 time at which it is due  5 maximum number that wait
-- Returns 1 when it was added, 0 when it is known, and -1 when too many wait.
local now, id, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[5])
if redis.call('ZSCORE', due, id) then return 0 end
if tonumber(redis.call('ZSCORE', finished, id) or '0') > now then return 0 end
if redis.call('ZCARD', due) >= most then return -1 end
redis.call('HSET', contents, id, ARGV[3])
redis.call('ZADD', due, ARGV[4], id)
redis.call('HDEL', takes, id)
redis.call('ZREM', finished, id)
outlive(KEYS, kept)
return 1
