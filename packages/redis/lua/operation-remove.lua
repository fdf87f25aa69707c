-- Removes an operation.
--
-- KEYS  1 records  2 ages  3 due  4 changes
-- ARGV  1 now  2 id
open_parent_of(KEYS[1], KEYS[2], KEYS[4], ARGV[2], ARGV[1])
drop(KEYS[1], KEYS[2], KEYS[3], ARGV[2])
return 1
