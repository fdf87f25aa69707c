-- Returns tickets of ended leases to their places, and lets tickets leave whose person is gone.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua; 2 limit of each
-- Returns {1 if there may be more, returned, failed, gone}, or nil if the queue does not exist.
if not load_queue() then return false end
touch()
forget_workers()
alive(meta, leases, leaving, returned, workers, slots)
for _, lane in ipairs(q.lanes) do alive(lane.key) end
local limit = tonumber(ARGV[2])

local function due(set)
  if limit == 0 then return {} end
  return redis.call('ZRANGEBYSCORE', set, '-inf', whole(now), 'LIMIT', '0', whole(limit))
end

local function is_due(set)
  return #redis.call('ZRANGEBYSCORE', set, '-inf', whole(now), 'LIMIT', '0', '1') > 0
end

local back, failed, gone, has_more = {}, {}, {}, false
if now >= q.kept then
  for _, ticket in ipairs(due(leases)) do
    local t = look(ticket)
    if t and t.state == 'running' then
      give_back(t, '"lease"')
      if t.state == 'failed' then failed[#failed + 1] = ticket else back[#back + 1] = ticket end
    else
      redis.call('ZREM', leases, ticket)
    end
  end
  has_more = is_due(leases)
end
if now >= q.suspended then
  for _, ticket in ipairs(due(leaving)) do
    local t = look(ticket)
    if t and t.state == 'waiting' then
      end_waiting(t, 'gone')
      gone[#gone + 1] = ticket
    else
      redis.call('ZREM', leaving, ticket)
    end
  end
  has_more = has_more or is_due(leaving)
end
count_lanes()
local function all(tickets)
  local shown = {}
  for at, ticket in ipairs(tickets) do shown[at] = show(ticket) end
  return shown
end
return { has_more and 1 or 0, all(back), all(failed), all(gone) }
