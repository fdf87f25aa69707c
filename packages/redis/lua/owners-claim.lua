-- Counts new connections in the lists of users and sessions of one bucket, except in lists that are full.
--
-- KEYS  the owner's list of each connection: sorted set, "<connection> <node>" -> time it was opened
-- ARGV  1 time a list is kept, in milliseconds
--       then for each key: time it was opened; the member; and the number of members that the list may have
-- Returns for each key 1 if the list has the connection, and 0 if the list is full.
-- Runs even where memory has run out, for the reason in small.lua.
redis.call('ZREM', KEYS[1], '')
local counted = {}
for i, key in ipairs(KEYS) do
  local since, member, limit = ARGV[3 * i - 1], ARGV[3 * i], tonumber(ARGV[3 * i + 1])
  counted[i] = 0
  if redis.call('ZCARD', key) < limit or redis.call('ZSCORE', key, member) then
    redis.call('ZADD', key, since, member)
    redis.call('PEXPIRE', key, ARGV[1])
    counted[i] = 1
  end
end
return counted
