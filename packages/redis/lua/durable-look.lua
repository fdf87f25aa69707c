-- What was asked for again.
--
-- KEYS  as above
-- ARGV  as above; 3 fence  4 how long it is kept
-- gives {fields...}, or taken or lost when the fence is not the latest
local mine = standing(ARGV[3])
if mine ~= 'held' then return mine end
keep(tonumber(ARGV[4]))
return redis.call('HGETALL', subscriber)
