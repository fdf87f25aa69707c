-- Adds or replaces an operation.
--
-- KEYS  1 records  2 ages  3... the lists it stands in
-- ARGV  1 now  2 id  3 when it is forgotten  4 when it was created  5 the operation as JSON
local records, ages, id = KEYS[1], KEYS[2], ARGV[2]
forget(records, ages, ARGV[1])
drop(records, ages, id)
local lists = {}
for i = 3, #KEYS do
  lists[#lists + 1] = KEYS[i]
  redis.call('ZADD', KEYS[i], ARGV[4], id)
end
redis.call('HSET', records, id, table.concat(lists, ' ') .. '\n' .. ARGV[5])
redis.call('ZADD', ages, ARGV[3], id)
return 1
