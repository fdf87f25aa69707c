-- Takes an item out, and remembers its id unless it may return.
--
-- KEYS  as in inbox.lua
-- ARGV  1-5 as in inbox.lua  6 id  7 reason  8 "1" if it may return
-- Returns as `changed` of inbox.lua does.
local id = ARGV[6]
if ARGV[8] ~= '1' then
  redis.call('ZADD', closed, whole(now + closed_for), id)
  redis.call('ZREMRANGEBYSCORE', closed, '-inf', whole(now))
  for _, old in ipairs(redis.call('ZRANGE', closed, 0, 0 - max_closed - 1)) do redis.call('ZREM', closed, old) end
end
drop(id, ARGV[7])
return changed('closed')
