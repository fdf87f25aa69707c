-- The operations of which something is overdue, the longest first.
--
-- KEYS  1 records  2 ages  3 due
-- ARGV  1 since when at the latest  2 at most so many
-- gives {ids}
return redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
