-- Removes connections from an owner's list that no live node has.
--
-- KEYS  1 the owner's list
-- ARGV  1 time before which a connection must have been opened; then the members to remove
for i = 2, #ARGV do
  local since = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if since and tonumber(since) < tonumber(ARGV[1]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return 1
