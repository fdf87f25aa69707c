-- Records that the persons of tickets are here or gone.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua; 2 seen or gone  3 for seen, the time for which they are here  then the tickets
-- Returns the number of tickets that wait or run, or -1 if the queue does not exist.
if not load_queue() then return -1 end
touch()
local is_seen = ARGV[2] == 'seen'
local at, live = now + tonumber(ARGV[3]) + q.grace, 0
for index = 4, #ARGV do
  local t = look(ARGV[index])
  if t and (t.state == 'waiting' or t.state == 'running') then
    live = live + 1
    if is_seen or t.gone then
      t.gone = whole(is_seen and at or math.min(at, tonumber(t.gone)))
      redis.call('HSET', t.key, 'gone', t.gone)
      alive(t.key, base .. ':owner:' .. t.owner_key)
      start_leaving(t)
    end
  end
end
return live
