-- How many letters there are, and how many had to go.
--
-- KEYS  as above
-- ARGV  1 now
-- gives {kept, dropped}
local kept = redis.call('ZCOUNT', ages, '(' .. ARGV[1], '+inf')
return { kept, tonumber(redis.call('HGET', counts, 'dropped') or '0') }
