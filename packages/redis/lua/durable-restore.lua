-- Writes the whole state of a subscriber, when the store has lost its latest claim or some of its saves, or may have.
--
-- KEYS  as in durable.lua
-- ARGV  as in durable.lua; 3 fence of the claim  4 revision  5 time it is kept, in milliseconds  6 acked  7 sent  8 again
--       9 maximum subscribers per channel  then fields and values, in pairs
-- Returns 1 when the subscriber has that state afterwards; 0 when there is a later claim, or the channel has too many. Replays
-- that were requested under this claim stay. An equal revision does not show that the store has this state: it may have a
-- save whose answer was lost, and the holder's state may have changed since.
local mine = standing(ARGV[3], ARGV[4])
if mine == 'taken' or not has_room(tonumber(ARGV[9])) then return 0 end
local replays = {}
if mine ~= 'lost' then
  local fields = redis.call('HGETALL', subscriber)
  for i = 1, #fields, 2 do
    if string.find(fields[i], '^r%d') then replays[fields[i]] = fields[i + 1] end
  end
end
redis.call('DEL', subscriber)
redis.call('HSET', subscriber, 'fence', ARGV[3], 'revision', ARGV[4], 'acked', ARGV[6], 'sent', ARGV[7], 'again', ARGV[8])
for field, replay in pairs(replays) do redis.call('HSET', subscriber, field, replay) end
for i = 10, #ARGV, 2 do redis.call('HSET', subscriber, ARGV[i], ARGV[i + 1]) end
keep(tonumber(ARGV[5]))
return 1
