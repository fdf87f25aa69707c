-- Removes an operation.
--
-- KEYS  1 records  2 ages
-- ARGV  1 id
drop(KEYS[1], KEYS[2], ARGV[1])
return 1
