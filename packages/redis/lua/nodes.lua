-- The nodes, shared by the scripts that come after it.
--
-- nodes  hash: id -> what the node says of itself, as JSON
-- ends   sorted set: id -> when it does not live any more unless it says so again

local function living(nodes, ends, now)
  local found = {}
  for i, id in ipairs(redis.call('ZRANGEBYSCORE', ends, '(' .. now, '+inf')) do
    found[i] = redis.call('HGET', nodes, id)
  end
  return found
end
