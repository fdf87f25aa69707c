-- Prelude of scripts that write little and must run even where memory has run out. Redis refuses writes that may need memory
-- only while the script has not written anything. This write removes nothing: no hash has a field with an empty name.
redis.call('HDEL', KEYS[1], '')
