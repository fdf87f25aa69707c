-- The deliveries to people who are away, shared by the scripts that follow it. All keys have one hash tag:
--
-- KEYS  1 contents  hash: id -> content
--       2 due       sorted set: id -> time at which it is due
--       3 takes     hash: id -> number of attempts, a space, the claim of the latest
--       4 finished  sorted set: id -> time until which it is remembered
--       5 number    hash: claims -> number of the latest claim
local contents, due, takes, finished, number = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function whole(value)
  return string.format('%.0f', value)
end

local function forget_finished(now, most)
  redis.call('ZREMRANGEBYSCORE', finished, '-inf', whole(now))
  local extra = redis.call('ZCARD', finished) - most
  if extra <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGE', finished, 0, whole(extra - 1))) do redis.call('ZREM', finished, id) end
end

-- Time for which deliveries are kept after the last change of any of them.
local kept = 30 * 86400000
