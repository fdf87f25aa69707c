-- Does one action on the targets of an owner.
--
-- KEYS  1 the targets: hash of id -> the time until which it is kept, a line break, and its value
-- ARGV  1 now  2 put, list or remove  3 id  4 value  5 time for which it is kept, in milliseconds  6 maximum number
-- Returns for put 1, or 0 when the owner has as many others; for list each id and value; for remove 1 or 0.
local key, now, action, id = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3]

local all = redis.call('HGETALL', key)
local kept, count, was_kept = {}, 0, false
for i = 1, #all, 2 do
  local at = string.find(all[i + 1], '\n', 1, true)
  if tonumber(string.sub(all[i + 1], 1, at - 1)) <= now then
    redis.call('HDEL', key, all[i])
  else
    kept[#kept + 1] = all[i]
    kept[#kept + 1] = string.sub(all[i + 1], at + 1)
    count = count + 1
    if all[i] == id then was_kept = true end
  end
end
if action == 'list' then return kept end
if action == 'remove' then
  redis.call('HDEL', key, id)
  return was_kept and 1 or 0
end
if not was_kept and count >= tonumber(ARGV[6]) then return 0 end
local ms = tonumber(ARGV[5])
redis.call('HSET', key, id, string.format('%.0f', now + ms) .. '\n' .. ARGV[4])
outlive({ key }, ms + afterlife)
return 1
