-- One letter.
--
-- KEYS  as above
-- ARGV  1 now  2 id
-- gives it as JSON, or nothing
if not is_kept(ARGV[2], tonumber(ARGV[1])) then return false end
return redis.call('HGET', records, ARGV[2])
