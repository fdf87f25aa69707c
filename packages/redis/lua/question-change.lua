-- Stores the next revision of a question.
--
-- KEYS  1-5 as in questions.lua  6 list of the operation  7 open questions of the operation  8... further lists of open questions
-- ARGV  1 now  2 id  3 revision  4 status  5 JSON  6 time it expires  7 time it is due, or empty
-- Returns {id, revision, status, json} of the question that is stored if another one was first; 'gone' when there is none;
-- nil when the change was stored.
local now, id = tonumber(ARGV[1]), ARGV[2]
local before = found(id, now)
if not before then return 'gone' end
if before.revision + 1 ~= tonumber(ARGV[3]) then return answer(id, before) end
leave(id, before.lists)
local lists = {}
for i = 7, #KEYS do lists[#lists + 1] = KEYS[i] end
local question = {
  operation = before.operation, lists = table.concat(lists, ' '), key = before.key,
  revision = before.revision + 1, status = ARGV[4], json = ARGV[5],
}
store(id, question, ARGV[6], ARGV[1], ARGV[7])
outlive(KEYS, tonumber(ARGV[6]) - now + afterlife)
return false
