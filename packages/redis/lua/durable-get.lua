-- The state as it is.
--
-- KEYS  as above
-- ARGV  as above
-- gives {fields...}, or nothing
if not is_known() then return false end
return redis.call('HGETALL', subscriber)
