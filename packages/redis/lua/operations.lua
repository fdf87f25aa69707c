-- The index of operations, shared by the scripts that follow it. All its keys have one hash tag.
--
-- records  hash: id of an operation -> a line of the keys of the lists it belongs to, a line of the time it was
--          created, the offset of its state and the fence of its lease, and the operation as JSON
-- ages     sorted set: id -> time it expires
-- due      sorted set: id -> time something of it is overdue
-- changes  sorted set: id of a parent -> number of the newest change of its children that nobody has settled: its time in
--          microseconds, or one more than the number before; the member "" has the last number given
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

-- Opens a change of a parent's children, in the place of the open one. Returns its number.
local function open_change(changes, parent, now)
  local last = tonumber(redis.call('ZSCORE', changes, '') or '0')
  local change = string.format('%.0f', math.max(tonumber(now) * 1000, last + 1))
  redis.call('ZADD', changes, change, '', change, parent)
  return change
end

-- Opens a change of the parent of an operation that is about to be dropped for good.
local function open_parent_of(records, ages, changes, id, now)
  local record = redis.call('HGET', records, id)
  local known = record and knowledge(record)
  local parent = known and cjson.decode(known.json).summary.parent
  if not parent then return end
  open_change(changes, parent, now)
  outlive({ changes }, math.max(redis.call('PTTL', ages), afterlife))
end

-- Removes up to 100 expired operations. Puts and list reads call it, so all of them are removed in time.
local function forget(records, ages, due, changes, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ages, '-inf', now, 'LIMIT', 0, 100)) do
    open_parent_of(records, ages, changes, id, now)
    drop(records, ages, due, id)
  end
end
