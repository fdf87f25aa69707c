-- One queue, shared by the scripts that follow it. All keys have one hash tag. Ids of tickets are digests here.
--
-- KEYS  1 meta      hash: settings, max_waiting, grace, lease, max_claims, capacity, number (of the latest join), fence, virtual,
--                   touched, suspended (time before which nobody is gone), kept (time before which no lease is taken),
--                   lanes (for each: name, weight, cost, 1 where it drains), b: and a lane -> virtual time of its latest ticket
--       2 leases    sorted set: running ticket -> end of its lease
--       3 leaving   sorted set: waiting ticket -> time from which its person counts as gone
--       4 returned  sorted set: waiting ticket that was claimed before -> fence of its first claim
--       5 workers   sorted set: worker -> time until which it lives
--       6 slots     hash: worker -> slots; "#" -> slots of all
--       7 stats     hash of this hour: a lane and a counter -> number
-- ARGV  1 now
--
-- Further keys, named by the scripts:
--   :lane: and a lane       sorted set: waiting ticket -> number of its join, less 2^52 if it was claimed before
--   :ticket: and a ticket   hash: id, owner, data, worker and reason as JSON; lane, number, state, joined, claims, first (fence of the
--                           first claim), fence, claimed, ends (of the lease), ended, forget, gone, p50, p90, and the keys that name it
--   :owner:, :key:, :claim: ticket of an owner that waits or runs, of an idempotency key, of the key of a claim
local meta, leases, leaving, returned, workers, slots, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local now = tonumber(ARGV[1])
local base = string.sub(meta, 1, -6)
local keep_ms, ended_ms, left_ms, outage_ms, recovery_ms = 2592000000, 3600000, 60000, 15000, 10000
local claimed_before = 4503599627370496
local max_virtual = 1125899906842624
local max_workers = 10000

local function whole(number)
  return string.format('%.0f', number)
end

-- Renews the time to live of keys, at most once a minute each.
local function alive(...)
  for _, key in ipairs({ ... }) do
    if redis.call('PTTL', key) < keep_ms then redis.call('PEXPIRE', key, whole(keep_ms + afterlife)) end
  end
end

local function ticket_key(ticket)
  return base .. ':ticket:' .. ticket
end

local q

-- Loads the queue; false if it does not exist.
local function load_queue()
  local field = redis.call('HMGET', meta, 'lanes', 'max_waiting', 'grace', 'lease', 'max_claims', 'capacity', 'virtual', 'touched', 'suspended', 'kept')
  if not field[1] or not field[2] then return false end
  q = {
    lanes = {},
    max_waiting = tonumber(field[2]),
    grace = tonumber(field[3]),
    lease = tonumber(field[4]),
    max_claims = tonumber(field[5]),
    capacity = field[6],
    virtual = tonumber(field[7] or '0'),
    touched = tonumber(field[8] or '0'),
    suspended = tonumber(field[9] or '0'),
    kept = tonumber(field[10] or '0'),
  }
  local bases = { meta }
  for name, weight, cost, drains in string.gmatch(field[1], '(%S+) (%S+) (%d+) (%d)') do
    q.lanes[#q.lanes + 1] = { name = name, weight = weight, cost = tonumber(cost), drains = drains == '1', key = base .. ':lane:' .. name }
    bases[#bases + 1] = 'b:' .. name
  end
  local values = redis.call('HMGET', unpack(bases))
  for at, lane in ipairs(q.lanes) do lane.base = tonumber(values[at] or '0') end
  if q.touched + keep_ms > now then return true end
  local used = redis.call('ZCARD', leases)
  for _, lane in ipairs(q.lanes) do used = used + redis.call('ZCARD', lane.key) end
  return used > 0
end

-- Counts the waiting tickets of each lane.
local function count_lanes()
  q.returned = redis.call('ZCARD', returned)
  q.waiting = 0
  for _, lane in ipairs(q.lanes) do
    local size = redis.call('ZCARD', lane.key)
    lane.back = q.returned > 0 and redis.call('ZCOUNT', lane.key, '-inf', '(0') or 0
    lane.waiting = size - lane.back
    q.waiting = q.waiting + size
  end
end

local function save_lanes()
  local text = {}
  for _, lane in ipairs(q.lanes) do
    text[#text + 1] = lane.name .. ' ' .. lane.weight .. ' ' .. whole(lane.cost) .. ' ' .. (lane.drains and '1' or '0')
  end
  redis.call('HSET', meta, 'lanes', table.concat(text, '\n'))
end

-- Returns a lane and its number. A ticket may come back to a lane that has drained meanwhile; it then drains with the weight 1.
local function lane_of(name)
  for at, lane in ipairs(q.lanes) do
    if lane.name == name then return lane, at end
  end
  local lane = { name = name, weight = '1', cost = 10000000, drains = true, key = base .. ':lane:' .. name, base = q.virtual, back = 0, waiting = 0 }
  q.lanes[#q.lanes + 1] = lane
  save_lanes()
  redis.call('HSET', meta, 'b:' .. name, whole(lane.base))
  return lane, #q.lanes
end

local function drop_drained()
  local left = {}
  for _, lane in ipairs(q.lanes) do
    if lane.drains and redis.call('ZCARD', lane.key) == 0 then
      redis.call('HDEL', meta, 'b:' .. lane.name)
    else
      left[#left + 1] = lane
    end
  end
  if #left == #q.lanes then return end
  q.lanes = left
  save_lanes()
end

local function suspend()
  q.suspended = math.max(q.suspended, now + q.grace)
  redis.call('HSET', meta, 'suspended', whole(q.suspended))
  alive(meta)
end

-- Notices an outage: a time in which nothing could reach the queue.
local function touch()
  if now - q.touched > outage_ms then
    suspend()
    q.kept = now + recovery_ms
    redis.call('HSET', meta, 'kept', whole(q.kept))
  end
  if now - q.touched >= 1000 then
    redis.call('HSET', meta, 'touched', whole(now))
    alive(meta)
  end
end

local function count(lane, counter, by)
  redis.call('HINCRBY', stats, lane .. ' ' .. counter, by or 1)
  if redis.call('PTTL', stats) < 0 then redis.call('PEXPIRE', stats, whole(49 * 3600000)) end
end

-- Adds a duration to a histogram, with the buckets of queue-buckets.ts.
local function count_duration(lane, histogram, ms)
  local bucket = 0
  if ms > 100 then bucket = math.min(92, math.ceil(math.log(ms / 100) / math.log(2) * 4)) end
  count(lane, histogram .. whole(bucket))
end

-- Returns how many tickets are served before that with `ahead` others before it in its lane; see queue-order.ts.
local function served_before(index, ahead)
  local own = q.lanes[index]
  local served = own.base + (ahead + 1) * own.cost
  local before = ahead
  for at, lane in ipairs(q.lanes) do
    if at ~= index then
      local left = (served - lane.base) / lane.cost
      local earlier = at < index and math.floor(left) or math.ceil(left) - 1
      before = before + math.min(lane.waiting, math.max(0, earlier))
    end
  end
  return before
end

local function next_lane()
  local found
  for _, lane in ipairs(q.lanes) do
    if lane.waiting > 0 and (not found or lane.base + lane.cost < found.base + found.cost) then found = lane end
  end
  return found
end

-- Returns the position, the total and the number ahead in the lane of a waiting ticket, after count_lanes.
local function place(ticket, lane_name, first)
  local lane, index = lane_of(lane_name)
  local ahead = redis.call('ZRANK', lane.key, ticket)
  if not ahead then return false end
  local before = first > 0 and redis.call('ZRANK', returned, ticket)
  if not before then before = q.returned + served_before(index, math.max(0, ahead - lane.back)) end
  return { before + 1, q.waiting, ahead }
end

-- Returns some fields of a ticket that is remembered; otherwise nil.
local function look(ticket)
  local field = redis.call('HMGET', ticket_key(ticket), 'state', 'lane', 'number', 'first', 'fence', 'forget', 'gone', 'owner', 'owner_key', 'claims')
  if not field[1] or not field[2] or (field[6] and tonumber(field[6]) <= now) then return nil end
  return {
    ticket = ticket,
    key = ticket_key(ticket),
    state = field[1],
    lane = field[2],
    number = tonumber(field[3] or '0'),
    first = tonumber(field[4] or '0'),
    fence = tonumber(field[5] or '0'),
    gone = field[7] or nil,
    owner = field[8],
    owner_key = field[9],
    claims = tonumber(field[10] or '0'),
  }
end

-- Returns all fields of a ticket and its place, after count_lanes; false if it is not remembered.
local function show(ticket)
  local fields, value = redis.call('HGETALL', ticket_key(ticket)), {}
  for at = 1, #fields, 2 do value[fields[at]] = fields[at + 1] end
  if not value.state or not value.lane or (value.forget and tonumber(value.forget) <= now) then return false end
  return { fields, value.state == 'waiting' and place(ticket, value.lane, tonumber(value.first or '0')) }
end

local function enqueue(t)
  local lane = lane_of(t.lane)
  if t.first > 0 then
    redis.call('ZADD', lane.key, whole(t.number - claimed_before), t.ticket)
    redis.call('ZADD', returned, whole(t.first), t.ticket)
  else
    redis.call('ZADD', lane.key, whole(t.number), t.ticket)
  end
  alive(lane.key, returned)
end

local function start_leaving(t)
  if t.state ~= 'waiting' or not t.gone then return end
  redis.call('ZADD', leaving, t.gone, t.ticket)
  alive(leaving)
end

local function dequeue(t)
  redis.call('ZREM', lane_of(t.lane).key, t.ticket)
  redis.call('ZREM', returned, t.ticket)
  redis.call('ZREM', leaving, t.ticket)
end

-- Ends a ticket that neither waits nor runs any more.
local function finish(t, state, reason)
  t.state = state
  local ms = state == 'left' and left_ms or ended_ms
  redis.call('HSET', t.key, 'state', state, 'ended', whole(now), 'forget', whole(now + ms))
  if reason then redis.call('HSET', t.key, 'reason', reason) else redis.call('HDEL', t.key, 'reason') end
  redis.call('PEXPIRE', t.key, whole(ms + afterlife))
  local own = base .. ':owner:' .. t.owner_key
  if redis.call('GET', own) == t.ticket then redis.call('DEL', own) end
  local key = redis.call('HGET', t.key, 'key')
  if key then redis.call('PEXPIRE', base .. ':key:' .. key, whole(ms + afterlife)) end
end

local function end_waiting(t, state)
  count(t.lane, state)
  dequeue(t)
  drop_drained()
  finish(t, state)
end

local function stop_running(t)
  redis.call('ZREM', leases, t.ticket)
  local claim = redis.call('HGET', t.key, 'claim')
  if claim then
    redis.call('DEL', base .. ':claim:' .. claim)
    redis.call('HDEL', t.key, 'claim')
  end
  redis.call('HDEL', t.key, 'ends')
end

local function fail(t, reason)
  count(t.lane, 'failed')
  stop_running(t)
  finish(t, 'failed', reason)
end

-- Returns a running ticket to its old place, unless it was claimed too often.
local function give_back(t, reason)
  count(t.lane, 'returned')
  if q.max_claims > 0 and t.claims >= q.max_claims then return fail(t, reason) end
  stop_running(t)
  t.state = 'waiting'
  redis.call('HSET', t.key, 'state', 'waiting', 'reason', reason)
  enqueue(t)
  start_leaving(t)
end

-- Forgets workers that no longer live.
local function forget_workers()
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', workers, '-inf', whole(now), 'LIMIT', 0, 1000)) do
    local before = redis.call('HGET', slots, worker)
    if before then
      redis.call('HINCRBY', slots, '#', whole(-tonumber(before)))
      redis.call('HDEL', slots, worker)
    end
    redis.call('ZREM', workers, worker)
  end
  if redis.call('ZCARD', workers) == 0 then redis.call('DEL', slots) end
end

-- Returns the number of live workers and of their slots, without writing.
local function live_workers()
  local ended = redis.call('ZRANGEBYSCORE', workers, '-inf', whole(now), 'LIMIT', 0, 1000)
  local live = redis.call('ZCARD', workers) - #ended
  if live == 0 then return 0, 0 end
  local total = tonumber(redis.call('HGET', slots, '#') or '0')
  for _, worker in ipairs(ended) do total = total - tonumber(redis.call('HGET', slots, worker) or '0') end
  return live, math.max(0, total)
end

-- Records a sign of life of a worker. Without slots those stay that it had.
local function beat(worker, ends, wanted)
  forget_workers()
  local known = redis.call('ZSCORE', workers, worker)
  if not known and redis.call('ZCARD', workers) >= max_workers then return end
  local before = tonumber(known and redis.call('HGET', slots, worker) or '0')
  local after = wanted or (before > 0 and before) or 1
  if after ~= before then
    redis.call('HSET', slots, worker, whole(after))
    redis.call('HINCRBY', slots, '#', whole(after - before))
  end
  if not known or tonumber(known) < ends then redis.call('ZADD', workers, whole(ends), worker) end
  alive(workers, slots)
end

-- Returns the capacity at this time: a number, "workers", or a list of minutes of the week, each with either.
local function capacity()
  local current = q.capacity
  if string.find(current, ':', 1, true) then
    -- 1970 began on a Thursday, and the week begins on Monday.
    local minute = (math.floor(now / 60000) + 4320) % 10080
    local last
    current = nil
    for from, value in string.gmatch(q.capacity, '(%d+):(%w+)') do
      if tonumber(from) <= minute then current = value end
      last = value
    end
    current = current or last
  end
  if current ~= 'workers' then return tonumber(current) end
  local _, total = live_workers()
  return total
end
