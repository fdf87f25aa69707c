-- Lists deliveries that wait, the next due first.
--
-- KEYS  as in deliveries.lua
-- ARGV  1 maximum number
--       2 number of deliveries to leave out at the beginning
-- Returns for each its id, content, "attempts claim" (the claim is "-" for none), and the time at which it is due.
local found = {}
local first = tonumber(ARGV[2])
for _, id in ipairs(redis.call('ZRANGE', due, first, first + tonumber(ARGV[1]) - 1)) do
  local content = redis.call('HGET', contents, id)
  if content then
    local values = { id, content, redis.call('HGET', takes, id) or '0 -', redis.call('ZSCORE', due, id) }
    for _, value in ipairs(values) do found[#found + 1] = value end
  end
end
return found
