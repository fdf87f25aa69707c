-- Returns one operation.
--
-- KEYS  1 records  2 ages  3 due  4 changes
-- ARGV  1 now  2 id
-- Returns the operation as JSON, or nil.
local ends = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[2]) or '0')
if ends <= tonumber(ARGV[1]) then return false end
return string.match(redis.call('HGET', KEYS[1], ARGV[2]), '\n([^\n]*)$')
