-- Notes which connections users and sessions of one bucket have.
--
-- KEYS  the owner of each change: sorted set, "<connection> <node>" -> since when
-- ARGV  1 how long a list is kept in milliseconds, then for each key: since, or - for one that went; and the member
-- It runs where memory has run out, as in small.lua.
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
