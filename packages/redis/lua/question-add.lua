-- Stores a new question of an operation, unless one with its key is known.
--
-- KEYS  1-5 as in questions.lua  6 list of the operation  7 open questions of the operation  8... further lists of open questions
-- ARGV  1 now  2 id  3 digest of operation and key, or empty  4 id of the question that gives up the key, or empty  5 JSON
--       6 time it expires  7 time it is due, or empty  8 maximum open  9 maximum of the operation  10 maximum of all
-- Returns {id, revision, status, json} of the question with the key; 'open' or 'full' for the bound that was reached;
-- nil when the question was stored.
local now, id, key = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local operation, open = KEYS[6], KEYS[7]
if key ~= '' then
  local known = redis.call('HGET', keys, key)
  local question = known and known ~= ARGV[4] and found(known, now)
  if question then return answer(known, question) end
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', ages, '-inf', ARGV[1], 'LIMIT', 0, 100)) do drop(old) end
if redis.call('ZCARD', open) >= tonumber(ARGV[8]) then return 'open' end
local too_many = redis.call('ZCARD', operation) + 1 - tonumber(ARGV[9])
if too_many > 0 then
  for _, old in ipairs(redis.call('ZRANGE', operation, 0, -1)) do
    if too_many > 0 and not redis.call('ZSCORE', open, old) then
      drop(old)
      too_many = too_many - 1
    end
  end
end
if redis.call('ZCARD', ages) >= tonumber(ARGV[10]) then
  local oldest = redis.call('ZRANGE', settled, 0, 0)[1]
  if not oldest then return 'full' end
  drop(oldest)
end
local lists = {}
for i = 7, #KEYS do lists[#lists + 1] = KEYS[i] end
redis.call('ZADD', operation, ARGV[1], id)
if key ~= '' then redis.call('HSET', keys, key, id) end
local question = { operation = operation, lists = table.concat(lists, ' '), key = key, revision = 0, status = 'open', json = ARGV[5] }
store(id, question, ARGV[6], ARGV[1], ARGV[7])
outlive(KEYS, tonumber(ARGV[6]) - now + afterlife)
return false
