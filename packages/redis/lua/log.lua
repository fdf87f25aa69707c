-- The log of one channel, shared by the scripts that follow it.
--
-- meta    hash: epoch, offset and tag of the head, ts of the newest entry, ends (time the log expires if unused),
--         keys (time until which it remembers a dedupe key), floor (the offset right before the oldest kept entry),
--         trimmed (entries below it are not in the stream), checkpoint (the offset of the stored state),
--         ttl (time until which the keys live in Redis), end (the packed entry that ended the log)
-- stream  the entry of offset n has the id n-0 and one field: a header line of epoch, offset, tag, tag of the entry
--         before it, ts, priority (- without one), event, in a roll-up the source, and sig=… with a signature; then the
--         data as JSON
-- state   the projection's name, a line break, and the state at `checkpoint` as JSON
--
-- All times are milliseconds since 1970 and come from the caller. TTLs of Redis only remove what has already expired by them.

local empty_age = 300000

local function whole(number)
  return string.format('%.0f', number)
end

-- Returns the log, or nil when there is none or it has expired.
local function load(meta, now)
  local field = redis.call('HMGET', meta, 'epoch', 'offset', 'tag', 'ts', 'ends', 'keys', 'floor', 'trimmed', 'checkpoint', 'ttl', 'end')
  if not field[1] then return nil end
  local log = {
    epoch = field[1], offset = tonumber(field[2]), tag = field[3], ts = tonumber(field[4]), ends = tonumber(field[5]),
    keys = tonumber(field[6]), floor = tonumber(field[7]), trimmed = tonumber(field[8]), checkpoint = tonumber(field[9]),
    ttl = tonumber(field[10]), ending = field[11] or false,
  }
  if log.ends <= now and log.keys <= now then return nil end
  return log
end

-- Begins the log again with a new epoch.
local function begin(meta, stream, state, epoch)
-- DEL runs only where there is something to delete: after a write that needs no memory, Redis would accept an append even
  -- though memory has run out.
  if redis.call('EXISTS', meta, stream, state) > 0 then redis.call('DEL', meta, stream, state) end
  return { epoch = epoch, offset = 0, tag = '0', ts = 0, ends = 0, keys = 0, floor = 0, trimmed = 0, checkpoint = 0, ttl = 0, ending = false }
end

local function header_of(packed)
  return string.match(packed, '^[^\n]*')
end

local function tag_of(packed)
  return string.match(packed, '^%S+ %S+ (%S+)')
end

local function ts_of(packed)
  return tonumber(string.match(packed, '^%S+ %S+ %S+ %S+ (%S+)'))
end

-- Returns up to `count` packed entries after an offset, oldest first.
local function entries_after(stream, offset, count)
  local packed = {}
  if count <= 0 then return packed end
  for i, item in ipairs(redis.call('XRANGE', stream, whole(offset + 1), '+', 'COUNT', count)) do
    packed[i] = item[2][2]
  end
  return packed
end

local function entry_at(stream, offset)
  local id = whole(offset)
  local found = redis.call('XRANGE', stream, id, id)[1]
  return found and found[2][2]
end

-- Raises the floor above the entries beyond the maximum number and, when `by_age`, above those that are too old.
local function raise_floor(stream, log, now, max_entries, max_age, by_age)
  log.floor = math.max(log.floor, log.offset - max_entries)
  if not by_age then return end
  while log.floor < log.offset do
    local old = 0
    local packed = entries_after(stream, log.floor, 32)
    for _, entry in ipairs(packed) do
      if ts_of(entry) > now - max_age then break end
      old = old + 1
    end
    log.floor = log.floor + old
    if old < #packed or old == 0 then return end
  end
end

-- Drops entries below the floor, with a projection only those that the stored state covers, once there are `slack` of them.
-- The entry of the floor itself stays, because its tag is needed.
local function trim(stream, log, projected, slack)
  local keep = log.floor
  if projected then keep = math.min(keep, log.checkpoint) end
  if keep - log.trimmed < slack then return end
  redis.call('XTRIM', stream, 'MINID', whole(keep))
  log.trimmed = keep
end

-- Writes the log back and renews its expiry, counted from now.
local function save(meta, stream, state, log, now, max_age)
  local age = max_age
  if log.offset == 0 then age = math.min(empty_age, max_age) end
  log.ends = now + age
  local until_then = math.max(log.ends, log.keys)
  local late = until_then > log.ttl
  if late then log.ttl = until_then + (until_then - now) / 4 end
  redis.call('HSET', meta, 'epoch', log.epoch, 'offset', whole(log.offset), 'tag', log.tag, 'ts', whole(log.ts), 'ends', whole(log.ends),
    'keys', whole(log.keys), 'floor', whole(log.floor), 'trimmed', whole(log.trimmed), 'checkpoint', whole(log.checkpoint),
    'ttl', whole(log.ttl))
  if late then
    local live = whole(log.ttl - now + 60000)
    redis.call('PEXPIRE', meta, live)
    redis.call('PEXPIRE', stream, live)
    redis.call('PEXPIRE', state, live)
  end
end

-- Makes a key that has no time to live yet expire together with the metadata. The stream and the state may begin long after the
-- keys of the log got theirs.
local function expire_with(meta, key)
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, math.max(1, redis.call('PTTL', meta))) end
end

-- Returns epoch, offset and tag of the head, and offset and tag of the floor.
local function place(stream, log)
  local tag = '0'
  if log.floor == log.offset then
    tag = log.tag
  elseif log.floor > 0 then
    tag = tag_of(entry_at(stream, log.floor))
  end
  return { log.epoch, whole(log.offset), log.tag, whole(log.floor), tag }
end
