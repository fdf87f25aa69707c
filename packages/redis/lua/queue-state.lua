-- Reads a queue.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua
-- Returns nil if it does not exist; otherwise {settings, running, capacity, workers, slots, suspended, lanes}, and for each lane
-- name, weight, number of waiting tickets, 1 where it drains.
if not load_queue() then return false end
count_lanes()
local lanes = {}
for _, lane in ipairs(q.lanes) do
  lanes[#lanes + 1] = { lane.name, lane.weight, lane.waiting + lane.back, lane.drains and 1 or 0 }
end
local live, total = live_workers()
return { redis.call('HGET', meta, 'settings'), redis.call('ZCARD', leases), capacity(), live, total, whole(q.suspended), lanes }
