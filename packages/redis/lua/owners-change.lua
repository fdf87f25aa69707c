-- Adds and removes connections in the lists of users and sessions of one bucket.
--
-- KEYS  the owner's list of each change: sorted set, "<connection> <node>" -> time it was opened
-- ARGV  1 time a list is kept, in milliseconds
--       then for each key: time it was opened, or - for a closed connection; and the member
-- Runs even where memory has run out, for the reason in small.lua.
redis.call('ZREM', KEYS[1], '')
for i, key in ipairs(KEYS) do
  local since, member = ARGV[2 * i], ARGV[2 * i + 1]
  if since == '-' then
    redis.call('ZREM', key, member)
  else
    redis.call('ZADD', key, since, member)
    redis.call('PEXPIRE', key, ARGV[1])
  end
end
return 1
