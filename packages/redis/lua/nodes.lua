-- The nodes, shared by the scripts that follow it.
--
-- nodes  hash: id -> node as JSON
-- ends   sorted set: id -> time the node counts as dead unless it refreshes

local function living(nodes, ends, now)
  local found = {}
  for i, id in ipairs(redis.call('ZRANGEBYSCORE', ends, '(' .. now, '+inf')) do
    found[i] = redis.call('HGET', nodes, id)
  end
  return found
end
