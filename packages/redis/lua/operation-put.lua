-- Adds or replaces an operation.
--
-- KEYS  1 records  2 ages  3 due  4 changes  5... the lists it belongs to
-- ARGV  1 now  2 id  3 time it expires  4 time it was created  5 time something of it is overdue, or empty
--       6 the operation as JSON  7 offset of the state  8 fence of the lease  9 its parent, or empty
local records, ages, due, changes, id = KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[2]
local overdue, json, offset, fence = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local before = redis.call('HGET', records, id)
local before_due = tonumber(redis.call('ZSCORE', due, id) or nil)
local ends = tonumber(redis.call('ZSCORE', ages, id) or '0')
-- This write comes first: where memory has run out, Redis refuses it before anything has changed.
redis.call('ZADD', ages, ARGV[3], id)
forget(records, ages, due, changes, ARGV[1])
drop(records, ages, due, id)

local lists = {}
for i = 5, #KEYS do lists[#lists + 1] = KEYS[i] end
-- A put from older knowledge does not replace what the entry before knows better.
local known = before and ends > tonumber(ARGV[1]) and knowledge(before)
if known and known.created == ARGV[4] then
  local is_behind = known.offset > tonumber(offset)
  if is_behind then lists, json = known.lists, known.json end
  if (is_behind or known.fence > tonumber(fence)) and before_due then
    overdue = math.min(overdue or before_due, before_due)
  end
end

for _, list in ipairs(lists) do redis.call('ZADD', list, ARGV[4], id) end
local about = table.concat({ ARGV[4], offset, fence }, ' ')
redis.call('HSET', records, id, table.concat(lists, ' ') .. '\n' .. about .. '\n' .. json)
redis.call('ZADD', ages, ARGV[3], id)
if overdue then redis.call('ZADD', due, string.format('%.0f', overdue), id) end
local live = tonumber(ARGV[3]) - tonumber(ARGV[1]) + afterlife
if ARGV[9] ~= '' then open_change(changes, ARGV[9], ARGV[1]) end
outlive({ records, ages, due, changes }, live)
outlive(lists, live)
return 1
