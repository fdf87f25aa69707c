-- Removes a dead letter.
--
-- KEYS  as in letters.lua
-- ARGV  1 now  2 id
-- Returns 1 when it was there and had not expired, otherwise 0.
if not redis.call('HGET', facts, ARGV[2]) then return 0 end
local was_kept = is_kept(ARGV[2], tonumber(ARGV[1]))
drop(ARGV[2])
return was_kept and 1 or 0
