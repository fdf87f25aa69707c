-- Records what an owner holds in addition, and forgets items whose time is over.
--
-- KEYS  1 items  hash: item -> bytes; "#" -> bytes of all items
--       2 ends   sorted set: item -> time until which it is held
-- ARGV  1 now  2 maximum number of items  then for each holding: item, bytes added, maximum bytes, time to keep in milliseconds
-- Returns {number of items, bytes, number of new items that were refused}.
local items, ends, now, max_items = KEYS[1], KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2])

local function whole(number)
  return string.format('%.0f', number)
end

local total = tonumber(redis.call('HGET', items, '#') or '0')
local before_all = total
for _, item in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', whole(now), 'LIMIT', 0, 1000)) do
  total = total - tonumber(redis.call('HGET', items, item) or '0')
  redis.call('HDEL', items, item)
  redis.call('ZREM', ends, item)
end
local refused, longest = 0, 0
for i = 3, #ARGV, 4 do
  local item, added, most, keep = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local known = redis.call('HGET', items, item)
  if not known and redis.call('ZCARD', ends) >= max_items then
    refused = refused + 1
  else
    local before = tonumber(known or '0')
    local after = math.max(before, math.min(most, before + added))
    redis.call('HSET', items, item, whole(after))
    total = total + after - before
    if tonumber(redis.call('ZSCORE', ends, item) or '0') < now + keep then redis.call('ZADD', ends, whole(now + keep), item) end
    longest = math.max(longest, keep)
  end
end
if total ~= before_all then redis.call('HSET', items, '#', whole(total)) end
if longest > 0 then outlive({ items, ends }, longest + afterlife) end
return { redis.call('ZCARD', ends), whole(total), refused }
