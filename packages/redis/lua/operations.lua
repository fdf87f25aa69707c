-- The index of operations, shared by the scripts that follow it. All its keys have one hash tag.
--
-- records  hash: id of an operation -> a line of the keys of the lists it belongs to, a line of the time it was
--          created, the offset of its state and the fence of its lease, and the operation as JSON
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

-- Returns the lists, creation time, offset, fence and JSON of a record; nil for one of another form.
local function knowledge(record)
  local names, created, offset, fence, json = string.match(record, '^([^\n]*)\n(%S+) (%d+) (%d+)\n(.*)$')
  if not names then return nil end
  local lists = {}
  for list in string.gmatch(names, '%S+') do lists[#lists + 1] = list end
  return { lists = lists, created = created, offset = tonumber(offset), fence = tonumber(fence), json = json }
end

-- Removes up to 100 expired operations. Puts and list reads call it, so all of them are removed in time.
local function forget(records, ages, due, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ages, '-inf', now, 'LIMIT', 0, 100)) do
    drop(records, ages, due, id)
  end
end
