-- What was revoked, shared by the scripts that come after it.
--
-- meta     hash: epoch, made (how many there ever were)
-- entries  sorted set: "<number> <end> <JSON>" -> number
-- ends     sorted set: the same -> when it is forgotten
local page = 1000
