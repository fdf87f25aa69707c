-- The index of operations, shared by the scripts that follow it. All its keys have one hash tag.
--
-- records  hash: id of an operation -> a line of the keys of the lists it belongs to, and the operation as JSON
-- ages     sorted set: id -> time it expires
-- due      sorted set: id -> time something of it is overdue
-- lists    sorted sets: id -> time the operation was created; one list of all, one for each owner

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

-- Removes up to 100 expired operations. Puts and list reads call it, so all of them are removed in time.
local function forget(records, ages, due, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ages, '-inf', now, 'LIMIT', 0, 100)) do
    drop(records, ages, due, id)
  end
end
