-- Looks whether a move may write to a server.
--
-- KEYS  1 the key of the move for "value", any key of the server for "scan"; the keys to look for with "exists"
-- ARGV  1 "value", "scan" or "exists"  2 for "value" what an interrupted move of the same data has left, for "scan" a pattern
--       3 for "scan" the cursor, which begins at 0
-- Returns 1 when the value is there, or some key is. Otherwise "scan" returns the next cursor, "0" after the last key, or
-- "unseen" when the user may not look through the keys; the others return nil.
if ARGV[1] == 'value' then return redis.call('GET', KEYS[1]) == ARGV[2] and 1 or false end
if ARGV[1] == 'exists' then return redis.call('EXISTS', unpack(KEYS)) > 0 and 1 or false end
-- Other programs may have millions of keys, and Redis does nothing else while it looks.
local page = redis.pcall('SCAN', ARGV[3], 'MATCH', ARGV[2], 'COUNT', 5000)
if page.err then return 'unseen' end
return page[2][1] and 1 or page[1]
