-- Applies opened and closed connections of a node. Without changes it only renews the expiry of the list.
--
-- KEYS  1 the node's connections: hash, id -> connection as JSON
-- ARGV  1 time the list is kept, in milliseconds  2 number of opened connections
--       then id and JSON of each opened one; then the ids of the closed ones
local came = tonumber(ARGV[2])
for i = 3, 2 + 2 * came, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = 3 + 2 * came, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
