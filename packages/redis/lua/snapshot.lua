-- Reads the head of a log and what a node needs to fold the log up to it, at one moment.
--
-- KEYS  1 meta  2 stream  3 state
-- ARGV  1 now  2 epoch if the read begins the log; empty does not begin it  3 maximum entries  4 maximum age in milliseconds
--       5 maximum bytes  6 "1" with a projection  7 epoch, 8 offset and 9 tag up to which the node has folded already; empty when
--       it has not
-- Returns {epoch, offset, tag, the offset to fold from, the stored state or nil when the node's own is still valid,
--          {a page of packed entries}, the packed end if the log has ended}, or nil when there is no log and the read begins none.
local meta, stream, state = KEYS[1], KEYS[2], KEYS[3]
local now = tonumber(ARGV[1])
local kept = kept_at(3)
local log = load(meta, now)
if not log then
  if ARGV[2] == '' then return false end
  log = begin(meta, stream, state, ARGV[2])
end
raise_floor(stream, log, now, kept, true)
trim(stream, log, kept, 1)
save(meta, stream, state, log, now, kept.max_age)
if not kept.projected then return { log.epoch, whole(log.offset), log.tag, '0', false, {}, log.ending } end

local function still_true(offset, tag)
  if offset == log.offset then return tag == log.tag end
  if offset > log.offset or offset < log.trimmed then return false end
  local entry = entry_at(stream, offset)
  return entry and tag_of(entry) == tag
end

local from, stored = log.checkpoint, nil
if ARGV[7] == log.epoch and still_true(tonumber(ARGV[8]), ARGV[9]) then
  from = tonumber(ARGV[8])
else
  stored = redis.call('GET', state) or ''
end
local answer = { log.epoch, whole(log.offset), log.tag, whole(from), stored or false }
answer[6] = page_after(stream, log, from, page_entries)
answer[7] = log.ending
return answer
