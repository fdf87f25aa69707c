-- Removes a queue without tickets that wait or run.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua
-- Returns 'removed', 'used' or 'unknown'.
if not load_queue() then return 'unknown' end
count_lanes()
if q.waiting + redis.call('ZCARD', leases) > 0 then return 'used' end
local fence = redis.call('HGET', meta, 'fence')
redis.call('DEL', meta, leases, leaving, returned, workers, slots, stats)
-- A worker of before must not have the fence of a ticket of a later queue with this name.
if fence then
  redis.call('HSET', meta, 'fence', fence)
  alive(meta)
end
return 'removed'
