-- Returns connections of a node by their ids.
--
-- KEYS  1 the node's connections
-- ARGV  1... ids
-- Returns {JSON, or nil for an unknown id, ...}.
return redis.call('HMGET', KEYS[1], unpack(ARGV))
