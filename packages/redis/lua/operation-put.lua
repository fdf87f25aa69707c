-- Adds or replaces an operation.
--
-- KEYS  1 records  2 ages  3 due  4... the lists it stands in
-- ARGV  1 now  2 id  3 when it is forgotten  4 when it was created  5 when something of it is overdue, or empty
--       6 the operation as JSON
local records, ages, due, id = KEYS[1], KEYS[2], KEYS[3], ARGV[2]
-- First of all: refused where memory has run out, before anything is changed.
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
