-- Makes a user a member of a role for a time, or no member.
--
-- KEYS  1 members  sorted set: member -> time until which it is one
-- ARGV  1 now  2 member  3 time in milliseconds, 0 for no member  4 maximum number of members
local now, ms = tonumber(ARGV[1]), tonumber(ARGV[3])
if ms > 0 then
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ms), ARGV[2])
  outlive(KEYS, ms + afterlife)
else
  redis.call('ZREM', KEYS[1], ARGV[2])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, 0 - tonumber(ARGV[4]) - 1)) do redis.call('ZREM', KEYS[1], member) end
return 1
