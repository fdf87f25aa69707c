-- Takes deliveries that are due, the longest overdue first.
--
-- KEYS  as in deliveries.lua
-- ARGV  1 now  2 maximum number to take  3 time until which they are taken
-- Returns for each its id, content, number of the attempt and claim.
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  local content = redis.call('HGET', contents, id)
  if not content then
    redis.call('ZREM', due, id)
    redis.call('HDEL', takes, id)
  else
    local attempts = tonumber(string.match(redis.call('HGET', takes, id) or '0', '^%d+')) + 1
    local claim = ARGV[1] .. '-' .. whole(redis.call('HINCRBY', number, 'claims', 1))
    redis.call('HSET', takes, id, whole(attempts) .. ' ' .. claim)
    redis.call('ZADD', due, ARGV[3], id)
    for _, value in ipairs({ id, content, whole(attempts), claim }) do found[#found + 1] = value end
  end
end
if #found > 0 then outlive(KEYS, kept) end
return found
