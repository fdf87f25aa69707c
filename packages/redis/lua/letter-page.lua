-- Returns the dead letters after a number, in order.
--
-- KEYS  as in letters.lua
-- ARGV  1 now  2 number  3 maximum number of dead letters
-- Returns {id, dead letter as JSON or "" when it has expired, ...}.
local found = {}
local ids = redis.call('ZRANGEBYSCORE', order, '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do
  found[#found + 1] = id
  found[#found + 1] = is_kept(id, tonumber(ARGV[1])) and redis.call('HGET', records, id) or ''
end
return found
