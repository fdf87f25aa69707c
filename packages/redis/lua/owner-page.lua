-- Returns a page of an owner's connections, the longest open first.
--
-- KEYS  1 the owner's list
-- ARGV  1 number of connections to skip  2 maximum number of connections
local first = tonumber(ARGV[1])
return redis.call('ZRANGE', KEYS[1], first, first + tonumber(ARGV[2]) - 1)
