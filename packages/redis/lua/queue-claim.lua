-- Claims the next ticket for a worker.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua; 2 worker as JSON  3 duration of the lease; empty for that of the queue  4 slots; may be empty  5 key of the
--       claim; may be empty
-- Returns {"claimed" or "repeated", ticket}, {"empty"}, {"full", running, capacity} or {"unknown"}.
if not load_queue() then return { 'unknown' } end
touch()
local worker, lease = ARGV[2], tonumber(ARGV[3]) or q.lease
beat(worker, now + lease, tonumber(ARGV[4]))
local claim = ARGV[5] ~= '' and base .. ':claim:' .. ARGV[5]
local repeated = claim and redis.call('GET', claim)
if repeated then
  local t = look(repeated)
  if t and t.state == 'running' and redis.call('HGET', t.key, 'claim') == ARGV[5] then return { 'repeated', show(repeated) } end
end
local running, most = redis.call('ZCARD', leases), capacity()
if running >= most then return { 'full', running, most } end

-- A ticket whose hash is gone, because a key was lost, is passed over.
local t, lane
for _ = 1, 1000 do
  count_lanes()
  local ticket = redis.call('ZRANGE', returned, '0', '0')[1]
  lane = not ticket and next_lane() or nil
  if lane then ticket = redis.call('ZRANGE', lane.key, whole(lane.back), whole(lane.back))[1] end
  if not ticket then return { 'empty' } end
  t = look(ticket)
  if t and t.state == 'waiting' then break end
  redis.call('ZREM', returned, ticket)
  for _, one in ipairs(q.lanes) do redis.call('ZREM', one.key, ticket) end
  t = nil
end
if not t then return { 'empty' } end

dequeue(t)
if t.first == 0 then
  lane = lane or lane_of(t.lane)
  lane.base = lane.base + lane.cost
  q.virtual = math.max(q.virtual, lane.base)
  if q.virtual > max_virtual then
    for _, one in ipairs(q.lanes) do
      one.base = one.base - q.virtual
      redis.call('HSET', meta, 'b:' .. one.name, whole(one.base))
    end
    q.virtual = 0
  end
  redis.call('HSET', meta, 'b:' .. lane.name, whole(lane.base), 'virtual', whole(q.virtual))
end
drop_drained()
-- The time is part of the fence, so that it also rises when the store has lost its latest claims.
local fence = math.max(tonumber(redis.call('HGET', meta, 'fence') or '0') + 1, now)
redis.call('HSET', meta, 'fence', whole(fence))
alive(meta)

if t.first == 0 then
  local told = redis.call('HMGET', t.key, 'joined', 'p50', 'p90')
  count(t.lane, 'claimed')
  count_duration(t.lane, 'w', now - tonumber(told[1] or now))
  if told[2] and told[3] then
    count(t.lane, 'estimated')
    if now <= tonumber(told[2]) then count(t.lane, 'withinP50') end
    if now <= tonumber(told[3]) then count(t.lane, 'withinP90') end
  end
  redis.call('HSET', t.key, 'first', whole(fence))
end
redis.call('HSET', t.key, 'state', 'running', 'claims', whole(t.claims + 1), 'fence', whole(fence), 'worker', worker, 'claimed', whole(now), 'ends',
  whole(now + lease))
redis.call('HDEL', t.key, 'reason')
if claim then
  redis.call('HSET', t.key, 'claim', ARGV[5])
  redis.call('SET', claim, t.ticket, 'PX', whole(keep_ms + afterlife))
end
redis.call('ZADD', leases, whole(now + lease), t.ticket)
alive(t.key, leases, base .. ':owner:' .. t.owner_key)
return { 'claimed', show(t.ticket) }
