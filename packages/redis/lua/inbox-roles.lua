-- Sets the roles of a user, and returns those before, as JSON, or "".
--
-- KEYS  1 roles
-- ARGV  1 roles as JSON  2 time to keep them in milliseconds
local before = redis.call('GET', KEYS[1]) or ''
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return before
