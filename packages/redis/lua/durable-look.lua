-- Returns the fields of a subscriber, among them the requested replays, and renews how long it is kept.
--
-- KEYS  as in durable.lua
-- ARGV  as in durable.lua; 3 fence  4 time it is kept, in milliseconds
-- Returns {fields...}; or "taken" or "lost" when the fence is not the latest.
local mine = standing(ARGV[3])
if mine ~= 'held' then return mine end
keep(tonumber(ARGV[4]))
return redis.call('HGETALL', subscriber)
