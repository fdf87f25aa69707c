-- The index of operations, shared by the scripts that come after it. All its keys are of one hash tag.
--
-- records  hash: id of an operation -> a line of the keys of the lists it stands in, and the operation as JSON
-- ages     sorted set: id -> when it is forgotten
-- due      sorted set: id -> when something of it is overdue
-- lists    sorted sets: id -> when the operation was created; one of all, one for each owner

local function drop(records, ages, due, id)
  local record = redis.call('HGET', records, id)
  if not record then return end
  for list in string.gmatch(string.match(record, '^[^\n]*'), '%S+') do
    redis.call('ZREM', list, id)
  end
  redis.call('HDEL', records, id)
  redis.call('ZREM', ages, id)
  redis.call('ZREM', due, id)
end

-- Forgets some of what is too old; every call does its part.
local function forget(records, ages, due, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ages, '-inf', now, 'LIMIT', 0, 100)) do
    drop(records, ages, due, id)
  end
end
