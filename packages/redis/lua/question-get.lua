-- Reads questions by id.
--
-- KEYS  1-5 as in questions.lua
-- ARGV  1 now  2... ids
-- Returns {{id, revision, status, json, operation's list}}, without those that do not exist.
local list = {}
for i = 2, #ARGV do
  local question = found(ARGV[i], tonumber(ARGV[1]))
  if question then list[#list + 1] = answer(ARGV[i], question) end
end
return list
