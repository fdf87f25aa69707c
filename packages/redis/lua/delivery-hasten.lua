-- Makes a delivery due at once.
--
-- KEYS  as in deliveries.lua
-- ARGV  1 now  2 id
-- Returns 1, or 0 when none with this id waits, or a node attempts it.
local now, id = tonumber(ARGV[1]), ARGV[2]
local at = redis.call('ZSCORE', due, id)
if not at then return 0 end
if tonumber(at) <= now then return 1 end
local latest = string.match(redis.call('HGET', takes, id) or '0 -', '^%d+ (.+)$')
if latest and latest ~= '-' then return 0 end
redis.call('ZADD', due, ARGV[1], id)
outlive(KEYS, kept)
return 1
