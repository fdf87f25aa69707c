-- Lets an owner join a queue.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua; 2 ticket  3 its id as JSON  4 owner as JSON  5 key of the owner  6 idempotency key; may be empty
--       7 lane; empty for the default  8 data as JSON; may be empty
-- Returns {1 when it is new, ticket, place}, or {"unknown"}, {"lane", lanes}, {"full", maximum} or {"exists"}.
if not load_queue() then return { 'unknown' } end
touch()
count_lanes()
local ticket, owner, key = ARGV[2], base .. ':owner:' .. ARGV[5], base .. ':key:' .. ARGV[6]

local function known(name)
  if not name then return false end
  local t = look(name)
  return t and t.owner == ARGV[4] and show(name)
end

local shown = known(redis.call('GET', owner)) or (ARGV[6] ~= '' and known(redis.call('GET', key)))
if not shown then
  local same = look(ticket)
  if same and same.owner ~= ARGV[4] then return { 'exists' } end
  shown = same and show(ticket)
end
if shown then return { 0, shown } end

local lane, least
for _, one in ipairs(q.lanes) do
  if not one.drains then
    if one.name == ARGV[7] or (ARGV[7] == '' and one.name == 'default') then lane = one end
    if not least or tonumber(one.weight) < tonumber(least.weight) then least = one end
  end
end
if not lane and ARGV[7] == '' then lane = least end
if not lane then return { 'lane' } end
if q.waiting >= q.max_waiting then return { 'full', q.max_waiting } end

if lane.waiting == 0 and lane.base < q.virtual then
  lane.base = q.virtual
  redis.call('HSET', meta, 'b:' .. lane.name, whole(lane.base))
end
local number = redis.call('HINCRBY', meta, 'number', 1)
alive(meta)
local t = { ticket = ticket, key = ticket_key(ticket), lane = lane.name, number = number, first = 0 }
redis.call('DEL', t.key)
redis.call('HSET', t.key, 'id', ARGV[3], 'owner', ARGV[4], 'owner_key', ARGV[5], 'lane', lane.name, 'number', whole(number), 'state', 'waiting',
  'joined', whole(now), 'claims', '0', 'first', '0')
if ARGV[8] ~= '' then redis.call('HSET', t.key, 'data', ARGV[8]) end
alive(t.key)
redis.call('SET', owner, ticket, 'PX', whole(keep_ms + afterlife))
if ARGV[6] ~= '' then
  redis.call('HSET', t.key, 'key', ARGV[6])
  redis.call('SET', key, ticket, 'PX', whole(keep_ms + afterlife))
end
enqueue(t)
count(lane.name, 'joined')
lane.waiting = lane.waiting + 1
q.waiting = q.waiting + 1
return { 1, show(ticket) }
