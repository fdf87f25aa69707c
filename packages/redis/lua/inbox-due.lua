-- Returns the inboxes of a bucket that are due, the longest overdue first.
--
-- KEYS  1 due
-- ARGV  1 now  2 maximum number of inboxes
-- Returns {owner, time, ...}.
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
