-- Adds a finished case to its kind, and drops kinds that are too old or too many.
--
-- KEYS  1 records  hash: kind -> records of its newest cases, newest first, each with a line break at its end
--       2 counts   hash: kind -> counts, as "name number" separated by spaces
--       3 ends     sorted set: kind -> time at which it is forgotten
-- ARGV  1 now  2 kind  3 record  4 maximum number of records  5 maximum of a count  6 maximum number of kinds
--       7 time to keep a kind, in milliseconds  8 maximum number of counts  then for each count: name, number
local records, counts, ends = KEYS[1], KEYS[2], KEYS[3]
local now, kind, keep = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[7])

local function drop(kinds)
  for _, each in ipairs(kinds) do
    redis.call('HDEL', records, each)
    redis.call('HDEL', counts, each)
    redis.call('ZREM', ends, each)
  end
end

drop(redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.0f', now), 'LIMIT', 0, 100))
if tonumber(redis.call('ZSCORE', ends, kind) or '0') <= now then drop({ kind }) end

local kept, text = 1, ARGV[3] .. '\n'
for record in string.gmatch(redis.call('HGET', records, kind) or '', '([^\n]*)\n') do
  kept = kept + 1
  if kept > tonumber(ARGV[4]) then break end
  text = text .. record .. '\n'
end
redis.call('HSET', records, kind, text)

local names, sums = {}, {}
for name, number in string.gmatch(redis.call('HGET', counts, kind) or '', '(%w+) (%S+)') do
  names[#names + 1] = name
  sums[name] = tonumber(number)
end
for i = 9, #ARGV, 2 do
  local name = ARGV[i]
  if sums[name] or #names < tonumber(ARGV[8]) then
    if not sums[name] then names[#names + 1] = name end
    sums[name] = (sums[name] or 0) + tonumber(ARGV[i + 1])
  end
end
local half = 1
for _, name in ipairs(names) do
  if sums[name] >= tonumber(ARGV[5]) then half = 0.5 end
end
for i, name in ipairs(names) do
  names[i] = name .. ' ' .. string.format('%.17g', sums[name] * half)
end
redis.call('HSET', counts, kind, table.concat(names, ' '))
redis.call('ZADD', ends, string.format('%.0f', now + keep), kind)

local over = redis.call('ZCARD', ends) - tonumber(ARGV[6])
if over > 0 then drop(redis.call('ZRANGE', ends, 0, over - 1)) end
outlive({ records, counts, ends }, keep + afterlife)
