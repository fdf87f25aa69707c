-- Removes a dead letter.
--
-- KEYS  as in letters.lua
-- ARGV  1 now  2 id
-- Returns 1 when it was there and had not expired, otherwise 0.
if not redis.call('HGET', facts, ARGV[2]) then return 0 end
local was_kept = is_kept(ARGV[2], tonumber(ARGV[1]))
drop(ARGV[2])
-- The counts are a new key if Redis has lost only them.
outlive({ counts }, math.max(afterlife, redis.call('PTTL', ages)))
return was_kept and 1 or 0
