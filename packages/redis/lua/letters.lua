-- The dead letters, shared by the scripts that follow it. All keys have one hash tag:
--
-- KEYS  1 records  hash: id -> dead letter as JSON
--       2 order    sorted set: id -> its number
--       3 ages     sorted set: id -> time it expires
--       4 sources  hash: source -> id
--       5 facts    hash: id -> length of its data, a space, its source
--       6 counts   hash: number, length, dropped
local records, order, ages, sources, facts, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

local function whole(number)
  return string.format('%.0f', number)
end

local function drop(id)
  local length, source = string.match(redis.call('HGET', facts, id) or '0 ', '^(%d+) (.*)$')
  redis.call('HDEL', records, id)
  redis.call('ZREM', order, id)
  redis.call('ZREM', ages, id)
  redis.call('HDEL', sources, source)
  redis.call('HDEL', facts, id)
  redis.call('HINCRBY', counts, 'length', whole(0 - length))
end

local function is_kept(id, now)
  return tonumber(redis.call('ZSCORE', ages, id) or '0') > now
end
