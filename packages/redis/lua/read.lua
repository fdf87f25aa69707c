-- Reads a part of a log together with its head and floor, at one moment.
--
-- KEYS  1 meta  2 stream  3 state
-- ARGV  1 now  2 epoch if the read begins the log; empty neither begins a log nor renews its expiry  3 maximum entries kept
--       4 maximum age in milliseconds  5 maximum bytes kept  6 "1" with a projection
--       7 offset to read after  8 maximum entries read
-- Returns {epoch, offset, tag, floor offset, floor tag, {packed entries}, the packed end if the log has ended},
-- or nil when there is no log.
local meta, stream, state = KEYS[1], KEYS[2], KEYS[3]
local now = tonumber(ARGV[1])
local kept = kept_at(3)
local log = load(meta, now)
if not log then
  if ARGV[2] == '' then return false end
  log = begin(meta, stream, state, ARGV[2])
end
raise_floor(stream, log, now, kept, true)
if ARGV[2] ~= '' then
  trim(stream, log, kept, 1)
  save(meta, stream, state, log, now, kept.max_age)
end
local answer = place(stream, log)
answer[6] = page_after(stream, log, math.max(log.floor, tonumber(ARGV[7])), tonumber(ARGV[8]))
answer[7] = log.ending
return answer
