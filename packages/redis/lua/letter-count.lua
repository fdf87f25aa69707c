-- Counts the dead letters kept, and those dropped for the bounds.
--
-- KEYS  as in letters.lua
-- ARGV  1 now
-- Returns {kept, dropped}.
local kept = redis.call('ZCOUNT', ages, '(' .. ARGV[1], '+inf')
return { kept, tonumber(redis.call('HGET', counts, 'dropped') or '0') }
