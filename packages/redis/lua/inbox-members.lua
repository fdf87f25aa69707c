-- Returns the members of a role.
--
-- KEYS  1 members
-- ARGV  1 now
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf')
