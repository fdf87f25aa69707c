-- Looks whether a move may write to a server.
--
-- KEYS  1 the key of the move for "value", any key of the server for "scan"; the keys to look for with "exists"
-- ARGV  1 "value", "scan" or "exists"  2 for "value" what an interrupted move of the same data has left, for "scan" a pattern
-- Returns 1 when the value is there, or some key is; 'unseen' when the user may not look through the keys; otherwise nil.
if ARGV[1] == 'value' then return redis.call('GET', KEYS[1]) == ARGV[2] and 1 or false end
if ARGV[1] == 'exists' then return redis.call('EXISTS', unpack(KEYS)) > 0 and 1 or false end
local cursor = '0'
repeat
  local page = redis.pcall('SCAN', cursor, 'MATCH', ARGV[2], 'COUNT', 1000)
  if page.err then return 'unseen' end
  cursor = page[1]
  if page[2][1] then return 1 end
until cursor == '0'
return false
