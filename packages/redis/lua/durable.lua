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

-- Whose it is for who claimed it with that fence: held, taken by a later claim, or lost where the store has none as late.
local function standing(fence)
  local latest = is_known() and tonumber(redis.call('HGET', subscriber, 'fence')) or 0
  if latest == tonumber(fence) then return 'held' end
  return latest > tonumber(fence) and 'taken' or 'lost'
end

-- Above any claim before, also of one that was forgotten or lost with the tail of the store.
local function claim()
  local latest = tonumber(redis.call('HGET', subscriber, 'fence') or '0')
  redis.call('HSET', subscriber, 'fence', whole(math.max(latest + 1, now)))
end

local function has_room(most)
  redis.call('ZREMRANGEBYSCORE', names, '-inf', whole(now))
  return redis.call('ZSCORE', names, name) or redis.call('ZCARD', names) < most
end

local function keep(ms)
  redis.call('HSET', subscriber, 'until', whole(now + ms))
  redis.call('PEXPIRE', subscriber, whole(ms + grace))
  redis.call('ZADD', names, whole(now + ms), name)
  if redis.call('PTTL', names) < ms + grace then redis.call('PEXPIRE', names, whole(ms + grace)) end
end
