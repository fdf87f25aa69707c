-- Connections of a node by their ids.
--
-- KEYS  1 the node's connections
-- ARGV  1... ids
-- gives {JSON or nothing...}
return redis.call('HMGET', KEYS[1], unpack(ARGV))
