-- Appends one entry: dedupe, next offset, store, trim, publish.
--
-- KEYS  1 meta  2 stream  3 state  4 the dedupe key, where the entry has one
-- ARGV  1 now  2 epoch of a log begun by this  3 most entries  4 longest age  5 how long a key is remembered
--       6 tag  7 event  8 priority or -  9 data  10 "1" with a projection  11 PUBLISH or SPUBLISH  12 the bus channel
-- gives {0, header, entries past the checkpoint}, or {1, the packed entry that the key first made}
local meta, stream, state, key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now, max_entries, max_age, dedupe = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local projected = ARGV[10] == '1'

local log = load(meta, now) or begin(meta, stream, state, ARGV[2])

if key then
  local known = redis.call('GET', key)
  if known then
    local ends, header = string.match(known, '^(%S+) (.*)$')
    local epoch, offset = string.match(header, '^(%S+) (%S+)')
    if tonumber(ends) > now and epoch == log.epoch then
      raise_floor(stream, log, now, max_entries, max_age, true)
      save(meta, stream, state, log, now, max_age)
      local kept = tonumber(offset) > log.floor and entry_at(stream, tonumber(offset))
      return { 1, kept or (header .. '\nnull') }
    end
  end
end

log.offset = log.offset + 1
log.ts = math.max(log.ts, now)
local header = table.concat({ log.epoch, whole(log.offset), ARGV[6], log.tag, whole(log.ts), ARGV[8], ARGV[7] }, ' ')
local packed = header .. '\n' .. ARGV[9]
log.tag = ARGV[6]
redis.call('XADD', stream, whole(log.offset), 'e', packed)
if key then
  log.keys = math.max(log.keys, now + dedupe)
  redis.call('SET', key, whole(now + dedupe) .. ' ' .. header, 'PX', whole(dedupe + 60000))
end
raise_floor(stream, log, now, max_entries, max_age, log.offset % 32 == 0)
trim(stream, log, projected, math.max(16, max_entries / 8))
save(meta, stream, state, log, now, max_age)
redis.call(ARGV[11], ARGV[12], packed)
return { 0, header, log.offset - log.checkpoint }
