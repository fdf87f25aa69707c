-- A page of an owner's connections, the longest open first.
--
-- KEYS  1 the owner's list
-- ARGV  1 after so many  2 at most so many
local first = tonumber(ARGV[1])
return redis.call('ZRANGE', KEYS[1], first, first + tonumber(ARGV[2]) - 1)
