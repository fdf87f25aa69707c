-- Returns some connections of a node, in no particular order.
--
-- KEYS  1 the node's connections
-- ARGV  1 maximum number of connections
-- Returns {JSON...}.
local most, cursor, found = tonumber(ARGV[1]), '0', {}
repeat
  local page = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 500)
  cursor = page[1]
  for i = 2, #page[2], 2 do
    if #found < most then found[#found + 1] = page[2][i] end
  end
until cursor == '0' or #found >= most
return found
