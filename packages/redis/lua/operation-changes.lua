-- Reads, settles or takes over open changes of parents.
--
-- KEYS  1 records  2 ages  3 due  4 changes
-- ARGV  1 now  2 get, settle or take
--       get: 3 parent; returns the number of its open change, or nil
--       settle: 3 parent  4 number; settles that change if it is the newest; returns 1
--       take: 3 shortest time that a change has been open, in milliseconds  4 maximum number of changes; opens each anew;
--       returns {parent, number, ...}
local changes, now, action = KEYS[4], ARGV[1], ARGV[2]
if action == 'get' then
  local change = redis.call('ZSCORE', changes, ARGV[3])
  return change and string.format('%.0f', tonumber(change))
end
if action == 'settle' then
  local change = tonumber(redis.call('ZSCORE', changes, ARGV[3]) or '0')
  if change == tonumber(ARGV[4]) then redis.call('ZREM', changes, ARGV[3]) end
  return 1
end
-- A number is its millisecond times 1,000, and counts the changes of that millisecond.
local before = string.format('%.0f', (tonumber(now) - tonumber(ARGV[3])) * 1000 + 999)
local taken = {}
-- The member "" is not a parent, so one more than asked for is read.
for _, parent in ipairs(redis.call('ZRANGEBYSCORE', changes, '-inf', before, 'LIMIT', 0, tonumber(ARGV[4]) + 1)) do
  if parent ~= '' and #taken < 2 * tonumber(ARGV[4]) then
    taken[#taken + 1] = parent
    taken[#taken + 1] = open_change(changes, parent, now)
  end
end
return taken
