-- Lists items, newest first.
--
-- KEYS  as in inbox.lua
-- ARGV  1-5 as in inbox.lua  6 filter  7 place before which the page begins, or ""  8 maximum number of items
-- Returns {revision, total, unread, open, snoozed, items as JSON...}.
if redis.call('EXISTS', notes) == 1 then
  local before = redis.call('HGET', facts, 'revision')
  prune()
  if redis.call('HGET', facts, 'revision') ~= before then keep() end
end
local filter, limit = ARGV[6], tonumber(ARGV[8])
local sets = { unread = unread, open = open }
local set = sets[filter] or order
local found, skipped = {}, ARGV[7] == '' and 0 or redis.call('ZCOUNT', set, ARGV[7], '+inf')
while #found < limit do
  local ids = redis.call('ZREVRANGE', set, skipped, skipped + 99)
  for _, id in ipairs(ids) do
    local is_hidden = redis.call('ZSCORE', snoozed, id)
    local passes = (filter ~= 'shown' or not is_hidden) and (filter ~= 'snoozed' or is_hidden)
    local item = passes and #found < limit and redis.call('HGET', items, id)
    if item then found[#found + 1] = item end
  end
  skipped = skipped + #ids
  if #ids < 100 then break end
end
local revision, total, new, questions, hidden = state()
return { revision, total, new, questions, hidden, unpack(found) }
