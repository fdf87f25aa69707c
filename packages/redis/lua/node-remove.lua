-- Removes a node.
--
-- KEYS  1 nodes  2 ends
-- ARGV  1 id
redis.call('HDEL', KEYS[1], ARGV[1])
return redis.call('ZREM', KEYS[2], ARGV[1])
