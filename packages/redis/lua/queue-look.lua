-- Reads tickets of a queue.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua; 2 get, find, head or running  3 for find the key of the owner, for head and running the limit, for get the
--       tickets, in as many arguments
-- Returns the tickets with their places, in order; or "unknown".
if not load_queue() then return 'unknown' end
count_lanes()
local action = ARGV[2]
local tickets = {}
if action == 'find' then
  tickets[1] = redis.call('GET', base .. ':owner:' .. ARGV[3]) or nil
elseif action == 'running' then
  tickets = redis.call('ZRANGE', leases, '0', whole(tonumber(ARGV[3]) - 1))
elseif action == 'get' then
  for at = 3, #ARGV do tickets[at - 2] = ARGV[at] end
else
  local limit = tonumber(ARGV[3])
  tickets = limit > 0 and redis.call('ZRANGE', returned, '0', whole(limit - 1)) or {}
  local saved = {}
  for at, lane in ipairs(q.lanes) do saved[at] = { base = lane.base, waiting = lane.waiting, rank = lane.back } end
  while #tickets < limit do
    local lane = next_lane()
    if not lane then break end
    local at
    for index, one in ipairs(q.lanes) do
      if one == lane then at = index end
    end
    local rank = whole(saved[at].rank)
    local ticket = redis.call('ZRANGE', lane.key, rank, rank)[1]
    if not ticket then break end
    tickets[#tickets + 1] = ticket
    saved[at].rank = saved[at].rank + 1
    lane.base = lane.base + lane.cost
    lane.waiting = lane.waiting - 1
  end
  for at, lane in ipairs(q.lanes) do lane.base, lane.waiting = saved[at].base, saved[at].waiting end
end
local shown = {}
for at, ticket in ipairs(tickets) do shown[at] = show(ticket) end
return shown
