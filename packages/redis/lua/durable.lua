-- One durable subscriber, shared by the scripts that follow it. Both keys have one hash tag:
--
-- KEYS  1 subscriber  hash: fence, acked, sent, until; p and an offset -> pending entry; r and a dead letter's id -> replay
--       2 names       sorted set of the channel: name -> time until which the subscriber is kept
-- ARGV  1 now  2 its name
local subscriber, names, now, name = KEYS[1], KEYS[2], tonumber(ARGV[1]), ARGV[2]

local function whole(number)
  return string.format('%.0f', number)
end

local function is_known()
  return tonumber(redis.call('HGET', subscriber, 'until') or '0') > now
end

-- Compares a fence with the latest claim: "held" when equal, "taken" when a later claim exists, otherwise "lost".
local function standing(fence)
  local latest = is_known() and tonumber(redis.call('HGET', subscriber, 'fence')) or 0
  if latest == tonumber(fence) then return 'held' end
  return latest > tonumber(fence) and 'taken' or 'lost'
end

-- Takes a fence above every earlier claim, including claims that were forgotten or lost with the tail of the store.
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
  redis.call('PEXPIRE', subscriber, whole(ms + afterlife))
  redis.call('ZADD', names, whole(now + ms), name)
  outlive({ names }, ms + afterlife)
end
