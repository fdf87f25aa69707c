-- Ends an attempt at a delivery.
--
-- KEYS  as in deliveries.lua
-- ARGV  1 now  2 id  3 claim  4 time at which it is due again; empty when it is finished
--       5 new content; empty for the one before  6 time until which a finished id is remembered
--       7 maximum number of finished ids
-- Returns 1, or 0 when the claim is not the latest one.
local now, id, claim = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local attempts, latest = string.match(redis.call('HGET', takes, id) or '', '^(%d+) (.+)$')
if not redis.call('ZSCORE', due, id) or latest ~= claim then return 0 end
if ARGV[4] == '' then
  redis.call('HDEL', contents, id)
  redis.call('ZREM', due, id)
  redis.call('HDEL', takes, id)
  redis.call('ZADD', finished, ARGV[6], id)
  forget_finished(now, tonumber(ARGV[7]))
else
  redis.call('ZADD', due, ARGV[4], id)
  if ARGV[5] ~= '' then
    redis.call('HSET', contents, id, ARGV[5])
    attempts = '0'
  end
  redis.call('HSET', takes, id, attempts .. ' -')
end
outlive(KEYS, math.max(kept, tonumber(ARGV[6]) - now + afterlife))
return 1
