-- Counts the deliveries that wait.
--
-- KEYS  as in deliveries.lua
return redis.call('ZCARD', due)
