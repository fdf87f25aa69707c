-- Reads a part of a log and where the log stands, at one moment.
--
-- KEYS  1 meta  2 stream  3 state
-- ARGV  1 now  2 epoch of a log begun by this; empty begins none and keeps none alive  3 most entries  4 longest age
--       5 after this offset  6 at most so many  7 "1" with a projection
-- gives {epoch, offset, tag, floor offset, floor tag, {packed entries}, the packed end if it has ended}, or nothing where there is no log
local meta, stream, state = KEYS[1], KEYS[2], KEYS[3]
local now, max_age = tonumber(ARGV[1]), tonumber(ARGV[4])
local log = load(meta, now)
if not log then
  if ARGV[2] == '' then return false end
  log = begin(meta, stream, state, ARGV[2])
end
raise_floor(stream, log, now, tonumber(ARGV[3]), max_age, true)
if ARGV[2] ~= '' then
  trim(stream, log, ARGV[7] == '1', 1)
  save(meta, stream, state, log, now, max_age)
end
local answer = place(stream, log)
answer[6] = entries_after(stream, math.max(log.floor, tonumber(ARGV[5])), tonumber(ARGV[6]))
answer[7] = log.ending
return answer
