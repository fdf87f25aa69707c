-- The log of one channel, shared by the scripts that follow it.
--
-- meta    hash: epoch, offset and tag of the head, ts of the newest entry, ends (time the log expires if unused),
--         keys (time until which it remembers a dedupe key), floor (the offset right before the oldest kept entry),
--         trimmed (entries below it are not in the stream), checkpoint (the offset of the stored state),
--         ttl (time until which the keys live in Redis), end (the packed entry that ended the log),
--         ids, at:{number} and of:{id} (owners of ids, see append.lua),
--         bytes (bytes of data of all entries of this life of the log), floor_bytes (the same up to an entry at or before the
--         floor), trimmed_bytes and checkpoint_bytes (the same up to the entries at trimmed and at the checkpoint)
-- stream  the entry of offset n has the id n-0 and two fields. b: bytes of data up to and including it. e: a header line of
--         epoch, offset, tag, tag of the entry before it, ts, priority (- without one), event, in a roll-up the source,
--         sig=… with a signature, and by=… with the publisher where the log shows it; then the data as JSON
-- state   the projection's name, a line break, and the state at `checkpoint` as JSON
--
-- All times are milliseconds since 1970 and come from the caller. TTLs of Redis only remove what has already expired by them.

local empty_age = 300000
local rare = { 'keys', 'floor', 'trimmed', 'ttl', 'floor_bytes', 'trimmed_bytes' }

local function whole(number)
  return string.format('%.0f', number)
end

-- Returns the log, or nil when there is none or it has expired.
local function load(meta, now)
  local field = redis.call('HMGET', meta, 'epoch', 'offset', 'tag', 'ts', 'ends', 'keys', 'floor', 'trimmed', 'checkpoint', 'ttl', 'end',
    'bytes', 'floor_bytes', 'trimmed_bytes', 'checkpoint_bytes')
  if not field[1] then return nil end
  local log = {
    epoch = field[1], offset = tonumber(field[2]), tag = field[3], ts = tonumber(field[4]), ends = tonumber(field[5]),
    keys = tonumber(field[6]), floor = tonumber(field[7]), trimmed = tonumber(field[8]), checkpoint = tonumber(field[9]),
    ttl = tonumber(field[10]), ending = field[11] or false, bytes = tonumber(field[12] or 0), floor_bytes = tonumber(field[13] or 0),
    trimmed_bytes = tonumber(field[14] or 0), checkpoint_bytes = tonumber(field[15] or 0),
  }
  log.was = {
    keys = log.keys, floor = log.floor, trimmed = log.trimmed, ttl = log.ttl, floor_bytes = log.floor_bytes,
    trimmed_bytes = log.trimmed_bytes,
  }
  if log.ends <= now and log.keys <= now then return nil end
  return log
end

-- Returns what a log keeps, from four arguments: maximum entries, maximum age in milliseconds, maximum bytes, and "1" with a
-- projection or "2" when only compaction drops entries.
local function kept_at(first)
  return {
    max_entries = tonumber(ARGV[first]), max_age = tonumber(ARGV[first + 1]), max_bytes = tonumber(ARGV[first + 2]),
    projected = ARGV[first + 3] == '1', compacted = ARGV[first + 3] == '2',
  }
end

-- Begins the log again with a new epoch.
local function begin(meta, stream, state, epoch)
-- DEL runs only where there is something to delete: after a write that needs no memory, Redis would accept an append even
  -- though memory has run out.
  if redis.call('EXISTS', meta, stream, state) > 0 then redis.call('DEL', meta, stream, state) end
  return { epoch = epoch, offset = 0, tag = '0', ts = 0, ends = 0, keys = 0, floor = 0, trimmed = 0, checkpoint = 0, ttl = 0,
    ending = false, bytes = 0, floor_bytes = 0, trimmed_bytes = 0, checkpoint_bytes = 0 }
end

local function tag_of(packed)
  return string.match(packed, '^%S+ %S+ (%S+)')
end

local function ts_of(packed)
  return tonumber(string.match(packed, '^%S+ %S+ %S+ %S+ (%S+)'))
end

-- Returns the packed entry of an item of the stream, and the bytes of data up to it. An item of an earlier version has no bytes.
local function parts(item)
  local first, one, _, other = item[2][1], item[2][2], item[2][3], item[2][4]
  if first == 'b' then return other, tonumber(one) end
  return one, 0
end

local function item_at(stream, offset)
  local id = whole(offset)
  return redis.call('XRANGE', stream, id, id)[1]
end

local function entry_at(stream, offset)
  local item = item_at(stream, offset)
  if not item then return nil end
  return (parts(item))
end

-- Returns the bytes of data up to and including an offset.
local function bytes_at(stream, offset)
  local item = offset > 0 and item_at(stream, offset)
  if not item then return 0 end
  local _, bytes = parts(item)
  return bytes
end

-- Returns the smallest offset after `low`, up to `high`, for which the test holds; nil when it holds for none. Where it holds
-- for an offset, it holds for all after it. Looks near `low` first, because each look reads a whole entry.
local function first_where(low, high, test)
  local step, yes = 1, nil
  while not yes and low < high do
    local probe = math.min(low + step, high)
    if test(probe) then yes = probe else low, step = probe, step * 2 end
  end
  while yes and yes - low > 1 do
    local middle = math.floor((low + yes) / 2)
    if test(middle) then yes = middle else low = middle end
  end
  return yes
end

-- Raises the floor above the entries beyond the maximum number and size and, when `by_age`, above those that are too old. The
-- newest entry is never too large.
local function raise_floor(stream, log, now, kept, by_age)
  if kept.compacted then return end
  local floor = math.max(log.floor, log.offset - kept.max_entries)
  if by_age and floor < log.offset then
    local old = now - kept.max_age
    local young = first_where(floor, log.offset, function(at)
      local entry = entry_at(stream, at)
      return entry and ts_of(entry) > old
    end)
    floor = young and young - 1 or log.offset
  end
  -- floor_bytes may be those of an earlier floor, so that an append need not read the entry at the floor.
  if log.bytes - log.floor_bytes > kept.max_bytes then
    log.floor_bytes = bytes_at(stream, floor)
    if log.bytes - log.floor_bytes > kept.max_bytes and floor < log.offset - 1 then
      local least, before = log.bytes - kept.max_bytes, floor
      floor = first_where(floor, log.offset - 1, function(at) return bytes_at(stream, at) >= least end) or log.offset - 1
      log.by_bytes = floor - before
      log.floor_bytes = bytes_at(stream, floor)
    end
  end
  log.floor = floor
end

-- Drops entries below the floor, with a projection only those that the stored state covers, once there are `slack` of them or
-- their data are large. The entry of the floor itself stays, because its tag is needed.
local function trim(stream, log, kept, slack)
  local keep, bytes = log.floor, log.floor_bytes
  if kept.projected and log.checkpoint < keep then keep, bytes = log.checkpoint, log.checkpoint_bytes end
  if keep <= log.trimmed or (keep - log.trimmed < slack and bytes - log.trimmed_bytes < kept.max_bytes / 8) then return end
  redis.call('XTRIM', stream, 'MINID', whole(keep))
  log.trimmed = keep
  log.trimmed_bytes = bytes_at(stream, keep)
end

-- Writes the log back and renews its expiry, counted from now.
local function save(meta, stream, state, log, now, max_age)
  local age = max_age
  if log.offset == 0 then age = math.min(empty_age, max_age) end
  log.ends = now + age
  local until_then = math.max(log.ends, log.keys)
  local late = until_then > log.ttl
  if late then log.ttl = until_then + (until_then - now) / 4 end
  local changed = {
    'offset', whole(log.offset), 'tag', log.tag, 'ts', whole(log.ts), 'ends', whole(log.ends), 'bytes', whole(log.bytes),
  }
  local was = log.was
  if not was then
    for _, name in ipairs({ 'epoch', log.epoch, 'checkpoint', '0', 'checkpoint_bytes', '0' }) do changed[#changed + 1] = name end
    was = {}
  end
  -- Most of these are as they were, and writing them costs more than comparing them.
  for i = 1, 6 do
    local name = rare[i]
    if log[name] ~= was[name] then
      local last = #changed
      changed[last + 1], changed[last + 2] = name, whole(log[name])
    end
  end
  redis.call('HSET', meta, unpack(changed))
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
