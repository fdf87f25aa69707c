-- One durable subscriber, shared by the scripts that follow it. Both keys have one hash tag:
--
-- KEYS  1 subscriber  hash: fence, revision (number of saves since the claim), acked, sent, until, again (offset up to which entries may be repeated);
--                     p and an offset -> pending entry; r and a dead letter's id -> replay;
--                     t and an offset -> tags of that and the following positions, separated by dots
--       2 names       sorted set of the channel: name -> time until which the subscriber is kept
-- ARGV  1 now  2 its name
local subscriber, names, now, name = KEYS[1], KEYS[2], tonumber(ARGV[1]), ARGV[2]

local function whole(number)
  return string.format('%.0f', number)
end

local function is_known()
  return tonumber(redis.call('HGET', subscriber, 'until') or '0') > now
end

-- Compares a fence and a revision with the latest claim: "held" when equal, "taken" when a later claim exists, "behind" when
-- the revision of this claim differs, otherwise "lost".
local function standing(fence, revision)
  local latest = is_known() and tonumber(redis.call('HGET', subscriber, 'fence')) or 0
  if latest > tonumber(fence) then return 'taken' end
  if latest < tonumber(fence) then return 'lost' end
  return redis.call('HGET', subscriber, 'revision') == revision and 'held' or 'behind'
end

-- Takes a fence above every earlier claim, including claims that were forgotten or lost with the tail of the store.
local function claim()
  local latest = tonumber(redis.call('HGET', subscriber, 'fence') or '0')
  redis.call('HSET', subscriber, 'fence', whole(math.max(latest + 1, now)), 'revision', '0')
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
