-- Removes an operation.
--
-- KEYS  1 records  2 ages  3 due
-- ARGV  1 id
drop(KEYS[1], KEYS[2], KEYS[3], ARGV[1])
return 1
