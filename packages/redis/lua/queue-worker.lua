-- Records what is known of workers and people outside of a claim.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua; 2 beat, retire, list, suspend or estimate
--       beat      3 worker as JSON  4 slots  5 time until which it lives, in milliseconds from now
--       retire    3 worker as JSON
--       estimate  3 ticket  4 p50  5 p90 of its wait, in milliseconds from now
-- Returns for a list the live workers, each with its slots and its end; otherwise 1, 0 if nothing was done, or -1 if the queue does
-- not exist.
if not load_queue() then return -1 end
local action = ARGV[2]
if action == 'list' then
  local listed = {}
  local live = redis.call('ZRANGEBYSCORE', workers, '(' .. whole(now), '+inf', 'WITHSCORES', 'LIMIT', '0', '1000')
  for at = 1, #live, 2 do listed[#listed + 1] = { live[at], redis.call('HGET', slots, live[at]) or '0', live[at + 1] } end
  return listed
end
if action == 'estimate' then
  local t = look(ARGV[3])
  if not t or t.state ~= 'waiting' or t.first > 0 then return 0 end
  redis.call('HSET', t.key, 'p50', whole(now + tonumber(ARGV[4])), 'p90', whole(now + tonumber(ARGV[5])))
  alive(t.key)
  return 1
end
if action == 'suspend' then
  suspend()
elseif action == 'beat' then
  touch()
  beat(ARGV[3], now + tonumber(ARGV[5]), tonumber(ARGV[4]))
else
  local before = redis.call('HGET', slots, ARGV[3])
  if redis.call('ZREM', workers, ARGV[3]) == 1 and before then
    redis.call('HINCRBY', slots, '#', whole(-tonumber(before)))
    redis.call('HDEL', slots, ARGV[3])
  end
end
return 1
