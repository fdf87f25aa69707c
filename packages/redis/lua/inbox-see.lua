-- Replaces what a user has seen, if it is still what the caller knows.
--
-- KEYS  1 seen
-- ARGV  1 what the caller knows, as JSON or ""  2 what replaces it, as JSON or ""  3 time to keep it in milliseconds
-- Returns {"1" if it was replaced, what is kept now}.
local kept = redis.call('GET', KEYS[1]) or ''
if ARGV[2] == '' or kept ~= ARGV[1] then return { '0', kept } end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return { '1', ARGV[2] }
