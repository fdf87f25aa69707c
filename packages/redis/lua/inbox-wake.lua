-- Brings back items whose snooze is over.
--
-- KEYS  as in inbox.lua
-- ARGV  1-5 as in inbox.lua
-- Returns as `changed` of inbox.lua does.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', snoozed, '-inf', whole(now))) do
  local item = item_of(id)
  if item then bring_back(item) else redis.call('ZREM', snoozed, id) end
end
return changed('')
