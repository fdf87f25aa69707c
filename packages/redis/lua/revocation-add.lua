-- Adds a revocation, and removes some that have expired.
--
-- KEYS  1 meta  2 entries  3 ends
-- ARGV  1 now  2 time it is forgotten  3 epoch if this begins the store  4 the revocation as JSON
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', 0, page)) do
  redis.call('ZREM', KEYS[2], entry)
  redis.call('ZREM', KEYS[3], entry)
end
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[3])
local number = redis.call('HINCRBY', KEYS[1], 'made', 1)
local entry = string.format('%.0f', number) .. ' ' .. ARGV[2] .. ' ' .. ARGV[4]
redis.call('ZADD', KEYS[2], number, entry)
redis.call('ZADD', KEYS[3], ARGV[2], entry)
outlive(KEYS, tonumber(ARGV[2]) - tonumber(ARGV[1]) + afterlife)
return 1
