-- One durable subscriber, shared by the scripts that come after it. Both keys are of one hash tag:
--
-- KEYS  1 subscriber  hash: fence, acked, sent, until; p and an offset -> pending entry; r and a letter's id -> replay
--       2 names       sorted set of the channel: name -> until when it is kept
-- ARGV  1 now  2 its name
local subscriber, names, now, name = KEYS[1], KEYS[2], tonumber(ARGV[1]), ARGV[2]
local grace = 60000

local function whole(number)
  return string.format('%.0f', number)
end

local function is_known()
  return tonumber(redis.call('HGET', subscriber, 'until') or '0') > now
end

local function is_held(fence)
  return is_known() and redis.call('HGET', subscriber, 'fence') == fence
end

local function keep(ms)
  redis.call('HSET', subscriber, 'until', whole(now + ms))
  redis.call('PEXPIRE', subscriber, whole(ms + grace))
  redis.call('ZADD', names, whole(now + ms), name)
  if redis.call('PTTL', names) < ms + grace then redis.call('PEXPIRE', names, whole(ms + grace)) end
end
