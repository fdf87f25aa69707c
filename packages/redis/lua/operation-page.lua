-- Returns a page of a list of operations, newest first.
--
-- KEYS  1 records  2 ages  3 due  4 changes  5 the list
-- ARGV  1 now  2 number of operations to skip  3 maximum number of operations
-- Returns {operation as JSON, or "" for one that has expired, ...}; fewer than asked for only at the end of the list.
local records, ages = KEYS[1], KEYS[2]
forget(records, ages, KEYS[3], KEYS[4], ARGV[1])
local first = tonumber(ARGV[2])
local found = {}
for i, id in ipairs(redis.call('ZREVRANGE', KEYS[5], first, first + tonumber(ARGV[3]) - 1)) do
  local ends = tonumber(redis.call('ZSCORE', ages, id) or '0')
  local record = ends > tonumber(ARGV[1]) and redis.call('HGET', records, id)
  found[i] = record and string.match(record, '\n([^\n]*)$') or ''
end
return found
