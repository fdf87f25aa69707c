-- The log of one channel, shared by the scripts that come after it.
--
-- meta    hash: epoch, offset and tag of the head, ts of the newest entry, ends (when it disappears if nobody uses it),
--         keys (until when it remembers a dedupe key), floor (the offset right before the oldest kept entry),
--         trimmed (what is below is not in the stream), checkpoint (the offset of the folded state), ttl (until when
--         the keys live in Redis), end (the packed entry that ended the log)
-- stream  the entry of offset n has the id n-0 and one field: a header line of epoch, offset, tag, tag of the entry
--         before it, ts, priority (- without one) and event, and the data as JSON
-- state   the projection's name, a line break, and the state at `checkpoint` as JSON
--
-- All times are milliseconds since 1970 and come from the caller: TTLs only clear away what has ended by them.

local empty_age = 300000

local function whole(number)
  return string.format('%.0f', number)
end

-- The log, or nil where there is none that still counts.
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

-- A log anew, of another epoch.
local function begin(meta, stream, state, epoch)
  -- Only where there is something: after a write that needs no memory Redis would let an append pass for which there is none.
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

-- Entries after an offset, packed, oldest first.
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

-- Moves the floor up over what is too many; over what is too old when `by_age`.
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

-- Drops what lies below the floor and is folded, but for the entry of the floor itself, whose tag is asked for.
local function trim(stream, log, projected, slack)
  local keep = log.floor
  if projected then keep = math.min(keep, log.checkpoint) end
  if keep - log.trimmed < slack then return end
  redis.call('XTRIM', stream, 'MINID', whole(keep))
  log.trimmed = keep
end

-- Writes the log back; used now, so it lives on from now.
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

-- Where the log stands: epoch, offset and tag of the head, offset and tag of the floor.
local function place(stream, log)
  local tag = '0'
  if log.floor == log.offset then
    tag = log.tag
  elseif log.floor > 0 then
    tag = tag_of(entry_at(stream, log.floor))
  end
  return { log.epoch, whole(log.offset), log.tag, whole(log.floor), tag }
end
