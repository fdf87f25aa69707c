-- What was asked for again.
--
-- KEYS  as above
-- ARGV  as above; 3 fence  4 how long it is kept
-- gives {fields...}, or nothing when the fence is not the latest
if not is_held(ARGV[3]) then return false end
keep(tonumber(ARGV[4]))
return redis.call('HGETALL', subscriber)
