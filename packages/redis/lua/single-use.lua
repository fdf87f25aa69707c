-- Claims a name that may be used once.
--
-- KEYS  1 the name: the time until which it is used up
-- ARGV  1 now  2 time for which the name is used up, in milliseconds
-- Returns 1 for the first claim, otherwise 0.
local key, now, ttl = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local ends = tonumber(redis.call('GET', key) or '0')
if ends > now then return 0 end
redis.call('SET', key, string.format('%.0f', now + ttl), 'PX', string.format('%.0f', math.max(ttl, 1) + afterlife))
return 1
