-- Marks items as read, or snoozes them.
--
-- KEYS  as in inbox.lua
-- ARGV  1-5 as in inbox.lua  6 "read" or the time until which they are snoozed  7 "all" or ""  then ids
-- Returns as `changed` of inbox.lua does, with the number of items as the result.
local ids = {}
if ARGV[7] == 'all' then
  for _, id in ipairs(redis.call('ZRANGE', order, 0, -1)) do
    if not redis.call('ZSCORE', snoozed, id) then ids[#ids + 1] = id end
  end
else
  for i = 8, #ARGV do ids[#ids + 1] = ARGV[i] end
end
local marked = 0
for _, id in ipairs(ids) do
  -- Most of "all" is read already, which the set of unread items says without a look at the item.
  local is_known = ARGV[7] == 'all' and ARGV[6] == 'read' and not redis.call('ZSCORE', unread, id)
  local item = not is_known and item_of(id)
  if item or is_known then marked = marked + 1 end
  if item and ARGV[6] == 'read' then
    if not item.readAt then
      item.readAt = now
      item.revision = note_change(id, 'marked')
      set_unread(item)
      store(item)
    end
  elseif item then
    local till = tonumber(ARGV[6])
    if till > now then
      if item.snoozedUntil ~= till then
        item.snoozedUntil = till
        item.revision = note_change(id, 'marked')
        redis.call('ZADD', snoozed, whole(till), id)
        set_unread(item)
        store(item)
      end
    elseif item.snoozedUntil then bring_back(item) end
  end
end
return changed(whole(marked))
