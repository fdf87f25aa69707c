-- Adds or replaces an operation.
--
-- KEYS  1 records  2 ages  3 due  4... the lists it belongs to
-- ARGV  1 now  2 id  3 time it expires  4 time it was created  5 time something of it is overdue, or empty
--       6 the operation as JSON
local records, ages, due, id = KEYS[1], KEYS[2], KEYS[3], ARGV[2]
-- This write comes first: where memory has run out, Redis refuses it before anything has changed.
redis.call('ZADD', ages, ARGV[3], id)
forget(records, ages, due, ARGV[1])
drop(records, ages, due, id)
local lists = {}
for i = 4, #KEYS do
  lists[#lists + 1] = KEYS[i]
  redis.call('ZADD', KEYS[i], ARGV[4], id)
end
redis.call('HSET', records, id, table.concat(lists, ' ') .. '\n' .. ARGV[6])
redis.call('ZADD', ages, ARGV[3], id)
if ARGV[5] ~= '' then redis.call('ZADD', due, ARGV[5], id) end
return 1
