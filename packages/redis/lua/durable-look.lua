-- Returns the fields of a subscriber, among them the requested replays, and renews how long it is kept.
--
-- KEYS  as in durable.lua
-- ARGV  as in durable.lua; 3 fence  4 revision  5 time it is kept, in milliseconds
-- Returns {fields...}; or "taken" or "lost" when the fence or the revision is not the latest.
local mine = standing(ARGV[3], ARGV[4])
if mine ~= 'held' then return mine == 'taken' and mine or 'lost' end
keep(tonumber(ARGV[5]))
return redis.call('HGETALL', subscriber)
