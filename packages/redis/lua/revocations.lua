-- The revocations, shared by the scripts that follow it.
--
-- meta     hash: epoch, made (number of revocations ever added)
-- entries  sorted set: "<number> <end> <JSON>" -> number
-- ends     sorted set: the same member -> time it is forgotten
local page = 1000
