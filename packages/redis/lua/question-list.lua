-- Lists questions: those of a list, the newest first, or those that are due, the longest due first.
--
-- KEYS  1-5 as in questions.lua  6 the list; absent for those that are due
-- ARGV  1 now  2 maximum number  3 latest due time, for those that are due
-- Returns {{id, revision, status, json}}.
local ids
if KEYS[6] then
  ids = redis.call('ZREVRANGE', KEYS[6], 0, tonumber(ARGV[2]) - 1)
else
  ids = redis.call('ZRANGEBYSCORE', due, '-inf', ARGV[3], 'LIMIT', 0, ARGV[2])
end
local list = {}
for _, id in ipairs(ids) do
  local question = found(id, tonumber(ARGV[1]))
  if question then list[#list + 1] = answer(id, question) end
end
return list
