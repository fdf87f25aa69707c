-- Does what the worker of a running ticket asks for.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua; 2 ticket  3 fence  4 extend, finish, fail, back or unserved  5 for extend the duration of the lease, empty
--       for that of the queue; otherwise the reason as JSON
-- Returns {"held", "repeated" or "stale", ticket}, {"forgotten"} or {"unknown"}.
if not load_queue() then return { 'unknown' } end
touch()
local t, fence, action = look(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
if not t then return { 'forgotten' } end
local result = 'held'
if t.state ~= 'running' or t.fence ~= fence then
  local done = (action == 'finish' and t.state == 'finished') or (action == 'fail' and t.state == 'failed') or
    ((action == 'back' or action == 'unserved') and (t.state == 'waiting' or t.state == 'failed'))
  result = done and t.fence == fence and 'repeated' or 'stale'
elseif action == 'extend' then
  local ends = now + (tonumber(ARGV[5]) or q.lease)
  redis.call('HSET', t.key, 'ends', whole(ends))
  redis.call('ZADD', leases, whole(ends), t.ticket)
  alive(t.key, leases, base .. ':owner:' .. t.owner_key)
  beat(redis.call('HGET', t.key, 'worker') or '""', ends)
elseif action == 'finish' then
  count(t.lane, 'finished')
  count_duration(t.lane, 's', now - tonumber(redis.call('HGET', t.key, 'claimed') or now))
  stop_running(t)
  finish(t, 'finished')
elseif action == 'fail' then
  fail(t, ARGV[5])
else
  if action == 'unserved' then
    t.claims = t.claims - 1
    redis.call('HSET', t.key, 'claims', whole(t.claims))
  end
  give_back(t, ARGV[5])
end
count_lanes()
return { result, show(t.ticket) }
