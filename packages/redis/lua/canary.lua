#!lua
-- Writes nothing and touches no key. Redis 7 refuses a script that might write, for the same reasons and with the same replies
-- as a write: it has no memory left, cannot save, has too few replicas, is a replica, or its writes are paused.
--
-- KEYS  1 on a cluster, any key of a slot of the master: a cluster that is down refuses it
return 1
