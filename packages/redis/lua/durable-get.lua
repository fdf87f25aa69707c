-- Returns the state of a durable subscriber.
--
-- KEYS  as in durable.lua
-- ARGV  as in durable.lua
-- Returns {fields...}, or nil when there is no such subscriber.
if not is_known() then return false end
return redis.call('HGETALL', subscriber)
