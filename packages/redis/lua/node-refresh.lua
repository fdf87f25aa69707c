-- Registers a node or renews it.
--
-- KEYS  1 nodes  2 ends
-- ARGV  1 now  2 id  3 time until which it is live  4 node as JSON  5 time the nodes are kept, in milliseconds
-- Returns {1 if it was not registered, else 0, each live node as JSON...}.
local isNew = redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
outlive(KEYS, tonumber(ARGV[5]))
local found = living(KEYS[1], KEYS[2], ARGV[1])
table.insert(found, 1, string.format('%.0f', isNew))
return found
