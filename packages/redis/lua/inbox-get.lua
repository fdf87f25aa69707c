-- Returns an item as JSON.
--
-- KEYS  as in inbox.lua
-- ARGV  1 id
return redis.call('HGET', KEYS[1], ARGV[1])
