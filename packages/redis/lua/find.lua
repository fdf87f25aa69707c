-- Returns the entry that a dedupe key made.
--
-- KEYS  1 meta  2 stream  3 state  4 the dedupe key
-- ARGV  1 now  2 maximum entries  3 maximum age in milliseconds  4 maximum bytes  5 "1" with a projection
-- Returns the packed entry, with the data "null" when it was trimmed; nil when the key is not remembered.
local now = tonumber(ARGV[1])
local log = load(KEYS[1], now)
local known = log and redis.call('GET', KEYS[4])
if not known then return false end
local ends, header = string.match(known, '^(%S+) (.*)$')
local epoch, offset = string.match(header, '^(%S+) (%S+)')
if tonumber(ends) <= now or epoch ~= log.epoch then return false end
raise_floor(KEYS[2], log, now, kept_at(2), true)
local kept = tonumber(offset) > log.floor and entry_at(KEYS[2], tonumber(offset))
return kept or (header .. '\nnull')
