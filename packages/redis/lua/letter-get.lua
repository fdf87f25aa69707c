-- Returns one dead letter.
--
-- KEYS  as in letters.lua
-- ARGV  1 now  2 id
-- Returns it as JSON, or nil.
if not is_kept(ARGV[2], tonumber(ARGV[1])) then return false end
return redis.call('HGET', records, ARGV[2])
