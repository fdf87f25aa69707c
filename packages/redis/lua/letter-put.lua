-- Stores a dead letter, replacing an earlier one of its source; then drops the oldest until the bounds hold.
--
-- KEYS  as in letters.lua
-- ARGV  1 now  2 time it expires  3 suffix of its id  4 source  5 length of its data  6 dead letter as JSON
--       7 maximum number of dead letters  8 maximum characters of data
-- Returns its id.
local now, source, length = tonumber(ARGV[1]), ARGV[4], tonumber(ARGV[5])
local id = redis.call('HGET', sources, source)
if id then
  local before = string.match(redis.call('HGET', facts, id) or '0', '^%d+')
  redis.call('HINCRBY', counts, 'length', whole(0 - before))
else
  local number = redis.call('HINCRBY', counts, 'number', 1)
  id = whole(number) .. '-' .. ARGV[3]
  redis.call('ZADD', order, whole(number), id)
  redis.call('HSET', sources, source, id)
end
redis.call('HSET', records, id, ARGV[6])
redis.call('ZADD', ages, ARGV[2], id)
redis.call('HSET', facts, id, whole(length) .. ' ' .. source)
redis.call('HINCRBY', counts, 'length', whole(length))
while true do
  local oldest = redis.call('ZRANGE', order, 0, 0)[1]
  if not oldest then break end
  local too_many = redis.call('ZCARD', order) > tonumber(ARGV[7])
  local too_much = tonumber(redis.call('HGET', counts, 'length')) > tonumber(ARGV[8])
  if not too_many and not too_much and is_kept(oldest, now) then break end
  drop(oldest)
  redis.call('HINCRBY', counts, 'dropped', 1)
end
outlive(KEYS, tonumber(ARGV[2]) - now + afterlife)
return id
