-- Returns the ids of up to 100 dead nodes.
--
-- KEYS  1 nodes  2 ends
-- ARGV  1 now
return redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 100)
