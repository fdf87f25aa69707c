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
