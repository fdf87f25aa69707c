-- Puts an item in, once per id.
--
-- KEYS  as in inbox.lua
-- ARGV  1-5 as in inbox.lua  6 id  7 kind  8 data  9 role or ""  10 length of the data
-- Returns as `changed` of inbox.lua does, with the result of the put.
local id, kind, length = ARGV[6], ARGV[7], tonumber(ARGV[10])
if redis.call('HEXISTS', items, id) == 1 then return changed('known') end
if tonumber(redis.call('ZSCORE', closed, id) or '0') > now then return changed('closed') end
if kind == 'question' and redis.call('ZCARD', open) >= max_items then return changed('full') end
local item = { id = id, kind = kind, json = ARGV[8], at = now, length = length }
if ARGV[9] ~= '' then item.role = ARGV[9] end
item.place = redis.call('HINCRBY', facts, 'place', 1)
item.revision = note_change(id, 'new')
store(item)
redis.call('ZADD', order, whole(item.place), id)
redis.call('ZADD', unread, whole(item.place), id)
redis.call('ZADD', kind == 'question' and open or notes, whole(item.place), id)
if kind == 'notification' then redis.call('HINCRBY', facts, 'length', whole(length)) end
return changed('added')
