-- Appends one entry: dedupe, next offset, store, trim, publish; and appends its copy to the roll-up's log.
--
-- KEYS  1 meta  2 stream  3 state; then the dedupe key, if the entry has one; then meta, stream and state of the roll-up
-- ARGV  1 now  2 event  3 priority or -  4 data  5 PUBLISH or SPUBLISH
--       6 further parts of the header, each after a space: the signature, if there is one  7 dedupe window in milliseconds; empty without a key
--       then for each log: epoch if the append begins the log, maximum entries, maximum age in milliseconds, tag,
--       "1" with a projection, bus channel
--       then the channel, if there is a roll-up
-- Returns {0, header, number of entries after the checkpoint}; {1, packed entry that the key or the end first made};
-- or {2} when the log has ended.
local now = tonumber(ARGV[1])
local dedupe = tonumber(ARGV[7])
local key = dedupe and KEYS[4]

local function policy_at(first)
  return {
    epoch = ARGV[first], max_entries = tonumber(ARGV[first + 1]), max_age = tonumber(ARGV[first + 2]), tag = ARGV[first + 3],
    projected = ARGV[first + 4] == '1', bus = ARGV[first + 5],
  }
end

local function store(first_key, log, policy, source)
  local meta, stream, state = KEYS[first_key], KEYS[first_key + 1], KEYS[first_key + 2]
  log.offset = log.offset + 1
  log.ts = math.max(log.ts, now)
  local header = table.concat({ log.epoch, whole(log.offset), policy.tag, log.tag, whole(log.ts), ARGV[3], ARGV[2] }, ' ') .. source .. ARGV[6]
  local packed = header .. '\n' .. ARGV[4]
  log.tag = policy.tag
  redis.call('XADD', stream, whole(log.offset), 'e', packed)
  raise_floor(stream, log, now, policy.max_entries, policy.max_age, log.offset % 32 == 0)
  trim(stream, log, policy.projected, math.max(16, policy.max_entries / 8))
  save(meta, stream, state, log, now, policy.max_age)
  expire_with(meta, stream)
  return header, packed
end

local policy = policy_at(8)
local log = load(KEYS[1], now) or begin(KEYS[1], KEYS[2], KEYS[3], policy.epoch)

local known = key and redis.call('GET', key)
if known then
  local ends, header = string.match(known, '^(%S+) (.*)$')
  local epoch, offset = string.match(header, '^(%S+) (%S+)')
  if tonumber(ends) > now and epoch == log.epoch then
    raise_floor(KEYS[2], log, now, policy.max_entries, policy.max_age, true)
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

if key then log.keys = math.max(log.keys, now + dedupe) end
local header, packed = store(1, log, policy, '')
if key then redis.call('SET', key, whole(now + dedupe) .. ' ' .. header, 'PX', whole(dedupe + 60000)) end

if ends_it then redis.call('HSET', KEYS[1], 'end', packed) end

local above = key and 5 or 4
if KEYS[above] and not ends_it then
  local over = policy_at(14)
  local rolled = load(KEYS[above], now) or begin(KEYS[above], KEYS[above + 1], KEYS[above + 2], over.epoch)
  local _, copy = store(above, rolled, over, ' ' .. ARGV[20])
  redis.call(ARGV[5], policy.bus, packed)
  redis.call(ARGV[5], over.bus, copy)
else
  redis.call(ARGV[5], policy.bus, packed)
end
return { 0, header, log.offset - log.checkpoint }
