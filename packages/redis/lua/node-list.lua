-- All nodes that live.
--
-- KEYS  1 nodes  2 ends
-- ARGV  1 now
return living(KEYS[1], KEYS[2], ARGV[1])
