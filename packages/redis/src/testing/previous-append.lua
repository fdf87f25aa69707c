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

-- Appends one entry: dedupe, next offset, store, trim, publish; and appends its copy to the roll-up's log.
--
-- KEYS  1 meta  2 stream  3 state; then the dedupe key, if the entry has one; then meta, stream and state of the roll-up
-- ARGV  1 now  2 event  3 priority or -  4 data  5 PUBLISH or SPUBLISH
--       6 further parts of the header, each after a space: the signature, if there is one  7 dedupe window in milliseconds; empty without a key
--       8 in a compacted log: "epoch offset tag" of the last entry that this one replaces, "+" for an entry of a compaction that
--       replaces none, empty for any other entry
--       9 claim of an id, if there is one: "own" or "any", the maximum number of ids, the publisher and the id, separated by spaces;
--       an empty id stands for "@" and the offset
--       then for each log: epoch if the append begins the log, maximum entries, maximum age in milliseconds, maximum bytes,
--       "1" with a projection or "2" when compacted, tag, bus channel, and the part of the header with the publisher, after a space
--       then the channel, if there is a roll-up
-- Returns {0, header, number of entries after the checkpoint, bytes of data after it, number of entries below the
-- floor that were not before, and how many of them for the maximum size}; {1, packed entry that the key or the end first made}; {2} when the log has
-- ended; {3} when so many entries wait to be folded into the stored state that no more may be added; {4} when a compacted log is
-- full; {5} when the log does not have the last entry that this one replaces; or {6, id} when the id belongs to another publisher.
local now = tonumber(ARGV[1])
local dedupe = tonumber(ARGV[7])
local key = dedupe and KEYS[4]

local function policy_at(first)
  local policy = kept_at(first + 1)
  policy.epoch, policy.tag, policy.bus, policy.shown = ARGV[first], ARGV[first + 5], ARGV[first + 6], ARGV[first + 7]
  return policy
end

local function store(first_key, log, policy, source)
  local meta, stream, state = KEYS[first_key], KEYS[first_key + 1], KEYS[first_key + 2]
  log.offset = log.offset + 1
  log.ts = math.max(log.ts, now)
  log.bytes = log.bytes + #ARGV[4]
  local header = table.concat({ log.epoch, whole(log.offset), policy.tag, log.tag, whole(log.ts), ARGV[3], ARGV[2] }, ' ') .. source .. ARGV[6] .. policy.shown
  local packed = header .. '\n' .. ARGV[4]
  log.tag = policy.tag
  redis.call('XADD', stream, whole(log.offset), 'b', whole(log.bytes), 'e', packed)
  raise_floor(stream, log, now, policy, log.offset % 32 == 0)
  trim(stream, log, policy, math.max(16, policy.max_entries / 8))
  save(meta, stream, state, log, now, policy.max_age)
  expire_with(meta, stream)
  return header, packed
end

-- Looks up the id that the entry claims. Returns what `take` needs; nil when the id belongs to another publisher.
--
-- The metadata have the owners: of:{id} is a number and the owner, at:{number} is the id, and ids is the first and the last number.
-- An id gets a new number when it is used and no longer among the newer half.
local function look(meta, log, text)
  local mode, most, publisher, id = string.match(text, '^(%S+) (%S+) (%S+) (.*)$')
  local claim = { most = tonumber(most), first = 1, last = 0, id = id }
  if id == '' then claim.id = '@' .. whole(log.offset + 1) end
  local field = redis.call('HMGET', meta, 'ids', 'of:' .. claim.id)
  if field[1] then
    local first, last = string.match(field[1], '^(%d+) (%d+)$')
    claim.first, claim.last = tonumber(first), tonumber(last)
  end
  if field[2] then
    local at, owner = string.match(field[2], '^(%d+) (.*)$')
    claim.at, claim.owner = tonumber(at), owner
  end
  if mode == 'own' and claim.owner ~= publisher and (claim.owner or string.sub(id, 1, 1) == '@') then return nil, claim.id end
  claim.owner = claim.owner or publisher
  return claim
end

-- Writes the claim that `look` returned, and forgets the ids that were used longest ago.
local function take(meta, claim)
  if claim.at and claim.at > claim.last - claim.most / 2 then return end
  local number, gone = whole(claim.last + 1), {}
  if claim.at then gone[1] = 'at:' .. whole(claim.at) end
  -- Two at a time, so that their number also falls after the rule's maximum was lowered.
  for _ = 1, 2 do
    if claim.last + 2 - claim.first > claim.most then
      local old = 'at:' .. whole(claim.first)
      local id = claim.first ~= claim.at and redis.call('HGET', meta, old)
      if id then gone[#gone + 1], gone[#gone + 2] = old, 'of:' .. id end
      claim.first = claim.first + 1
    end
  end
  redis.call('HSET', meta, 'ids', whole(claim.first) .. ' ' .. number, 'at:' .. number, claim.id,
    'of:' .. claim.id, number .. ' ' .. claim.owner)
  if #gone > 0 then redis.call('HDEL', meta, unpack(gone)) end
end

local policy = policy_at(10)
local log = load(KEYS[1], now) or begin(KEYS[1], KEYS[2], KEYS[3], policy.epoch)

local known = key and redis.call('GET', key)
if known then
  local ends, header = string.match(known, '^(%S+) (.*)$')
  local epoch, offset = string.match(header, '^(%S+) (%S+)')
  if tonumber(ends) > now and epoch == log.epoch then
    raise_floor(KEYS[2], log, now, policy, true)
    save(KEYS[1], KEYS[2], KEYS[3], log, now, policy.max_age)
    local kept = tonumber(offset) > log.floor and entry_at(KEYS[2], tonumber(offset))
    return { 1, kept or (header .. '\nnull') }
  end
end

local ends_it = ARGV[2] == 'end'
if log.ending then
  if ends_it then return { 1, log.ending } end
  return { 2 }
end

-- The stored state must cover an entry before it may go, so entries that no node folds would pile up.
if policy.projected and log.bytes - log.trimmed_bytes > 4 * policy.max_bytes then return { 3 } end

local claim, owned
if ARGV[9] ~= '' then
  claim, owned = look(KEYS[1], log, ARGV[9])
  if not claim then return { 6, owned } end
end

local floor_before = log.floor
if policy.compacted then
  local replaced = ARGV[8]
  if replaced == '' then
    if log.offset - log.floor >= policy.max_entries or log.bytes - log.floor_bytes + #ARGV[4] > policy.max_bytes then return { 4 } end
  elseif replaced ~= '+' then
    local epoch, offset, tag = string.match(replaced, '^(%S+) (%S+) (%S+)$')
    offset = tonumber(offset)
    if epoch ~= log.epoch or offset > log.offset then return { 5 } end
    if offset > log.floor then
      local found = offset == log.offset and log.tag or tag_of(entry_at(KEYS[2], offset))
      if found ~= tag then return { 5 } end
      log.floor, log.floor_bytes = offset, bytes_at(KEYS[2], offset)
    end
  end
end
if key then log.keys = math.max(log.keys, now + dedupe) end
local header, packed = store(1, log, policy, '')
if key then redis.call('SET', key, whole(now + dedupe) .. ' ' .. header, 'PX', whole(dedupe + 60000)) end

if claim then take(KEYS[1], claim) end

if ends_it then redis.call('HSET', KEYS[1], 'end', packed) end

local above = key and 5 or 4
if KEYS[above] and not ends_it then
  local over = policy_at(18)
  local rolled = load(KEYS[above], now) or begin(KEYS[above], KEYS[above + 1], KEYS[above + 2], over.epoch)
  local _, copy = store(above, rolled, over, ' ' .. ARGV[26])
  redis.call(ARGV[5], policy.bus, packed)
  redis.call(ARGV[5], over.bus, copy)
else
  redis.call(ARGV[5], policy.bus, packed)
end
return { 0, header, log.offset - log.checkpoint, log.bytes - log.checkpoint_bytes,
  log.floor - floor_before, log.by_bytes or 0 }
