-- Returns all live nodes.
--
-- KEYS  1 nodes  2 ends
-- ARGV  1 now
-- Returns {node as JSON...}.
return living(KEYS[1], KEYS[2], ARGV[1])
