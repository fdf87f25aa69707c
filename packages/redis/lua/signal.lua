-- Sends a signal.
--
-- KEYS  1 the pub/sub channel
-- ARGV  1 PUBLISH or SPUBLISH  2 the signal
return redis.call(ARGV[1], KEYS[1], ARGV[2])
