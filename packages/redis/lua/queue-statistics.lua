-- Reads the statistics of hours.
--
-- KEYS  1 meta of the queue, see queue.lua  then the statistics of each hour
-- Returns the fields of each hour, or nil if the queue does not exist.
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local hours = {}
for at = 2, #KEYS do hours[at - 1] = redis.call('HGETALL', KEYS[at]) end
return hours
