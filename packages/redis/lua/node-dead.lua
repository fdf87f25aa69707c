-- The ids of some nodes that do not live any more.
--
-- KEYS  1 nodes  2 ends
-- ARGV  1 now
return redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 100)
