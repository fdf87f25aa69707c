-- Creates a queue or replaces its settings.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua; 2 settings as JSON  3 max_waiting  4 grace  5 lease  6 max_claims  7 capacity  8 maximum number of
--       lanes that drain  then for each lane: name, weight, cost
-- Returns 'ok', or 'draining' when too many lanes would drain.
if not load_queue() then
  -- Tickets may be left if only this key was lost. New ones must not have smaller numbers, and workers no used fence.
  local fence = redis.call('HGET', meta, 'fence')
  redis.call('DEL', meta)
  redis.call('HSET', meta, 'fence', fence or '0', 'number', whole(now), 'virtual', '0', 'touched', whole(now))
  q = { lanes = {}, virtual = 0, touched = now, suspended = 0, kept = 0, grace = tonumber(ARGV[4]) }
end
touch()
local before, lanes, draining = {}, {}, {}
for _, lane in ipairs(q.lanes) do before[lane.name] = lane end
for at = 9, #ARGV, 3 do
  local name, cost = ARGV[at], tonumber(ARGV[at + 2])
  local lane = before[name] or { base = q.virtual }
  before[name] = nil
  -- A lane that becomes faster must not get the time back that it has waited at its old speed.
  local virtual = math.max(lane.base, q.virtual - cost)
  lanes[#lanes + 1] = { name = name, weight = ARGV[at + 1], cost = cost, drains = false, base = virtual, key = base .. ':lane:' .. name }
end
for _, lane in ipairs(q.lanes) do
  if before[lane.name] and redis.call('ZCARD', lane.key) > 0 then draining[#draining + 1] = lane end
end
if #draining > tonumber(ARGV[8]) then return 'draining' end
for name in pairs(before) do redis.call('HDEL', meta, 'b:' .. name) end
for _, lane in ipairs(draining) do
  lane.drains = true
  lanes[#lanes + 1] = lane
end
q.lanes = lanes
save_lanes()
for _, lane in ipairs(lanes) do redis.call('HSET', meta, 'b:' .. lane.name, whole(lane.base)) end
redis.call('HSET', meta, 'settings', ARGV[2], 'max_waiting', ARGV[3], 'grace', ARGV[4], 'lease', ARGV[5], 'max_claims', ARGV[6], 'capacity', ARGV[7])
alive(meta)
return 'ok'
