-- Does one action on a record that ends by itself.
--
-- KEYS  1 the record: the time at which it ends, a line break, and its value
-- ARGV  1 now  2 put, get or take  3 value  4 time until the record ends, in milliseconds
-- Returns {end, value} of a record that has not ended; otherwise nil.
local key, now, action = KEYS[1], tonumber(ARGV[1]), ARGV[2]
if action == 'put' then
  local ttl = tonumber(ARGV[4])
  redis.call('SET', key, string.format('%.0f', now + ttl) .. '\n' .. ARGV[3], 'PX', string.format('%.0f', math.max(ttl, 1) + afterlife))
  return false
end
local found = redis.call('GET', key)
if not found then return false end
if action == 'take' then redis.call('DEL', key) end
local at = string.find(found, '\n', 1, true)
local ends = string.sub(found, 1, at - 1)
if tonumber(ends) <= now then return false end
return { ends, string.sub(found, at + 1) }
