-- Ends pending changes that have not changed since.
--
-- KEYS  as in inbox.lua
-- ARGV  1-5 as in inbox.lua  then pairs of an id and a revision
for i = 6, #ARGV, 2 do
  local member = pending_of(ARGV[i])
  if member and tonumber(redis.call('ZSCORE', pending, member) or '0') == tonumber(ARGV[i + 1]) then forget_pending(ARGV[i]) end
end
schedule()
return 1
