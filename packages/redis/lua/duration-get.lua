-- Returns what is known of a kind, or lists the kinds with the newest cases.
--
-- KEYS  1 records  2 counts  3 ends, as in duration-add.lua
-- ARGV  1 now  2 get or list  3 kind, or the maximum number of kinds
-- Returns {records, counts} of a kind, {kind, counts, kind, counts, ...} of a list, or nil.
local records, counts, ends, now = KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[1])
if ARGV[2] == 'get' then
  if tonumber(redis.call('ZSCORE', ends, ARGV[3]) or '0') <= now then return false end
  return { redis.call('HGET', records, ARGV[3]) or '', redis.call('HGET', counts, ARGV[3]) or '' }
end
local found = {}
for _, kind in ipairs(redis.call('ZRANGE', ends, '+inf', '(' .. ARGV[1], 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[3])) do
  found[#found + 1] = kind
  found[#found + 1] = redis.call('HGET', counts, kind) or ''
end
return found
