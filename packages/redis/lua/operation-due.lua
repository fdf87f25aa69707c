-- Returns the operations of which something is overdue, the longest overdue first.
--
-- KEYS  1 records  2 ages  3 due  4 changes
-- ARGV  1 latest due time  2 maximum number of operations
-- Returns {ids}.
return redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
