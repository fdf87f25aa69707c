-- Sets when something has to be done about a question, if its revision is the given one.
--
-- KEYS  1-5 as in questions.lua
-- ARGV  1 now  2 id  3 revision  4 time it is due, or empty
local question = found(ARGV[2], tonumber(ARGV[1]))
if not question or question.revision ~= tonumber(ARGV[3]) then return false end
if ARGV[4] == '' then
  redis.call('ZREM', due, ARGV[2])
else
  redis.call('ZADD', due, ARGV[4], ARGV[2])
  -- The question may live longer than the key did that has just been made.
  outlive({ due }, math.max(tonumber(ARGV[4]), tonumber(redis.call('ZSCORE', ages, ARGV[2]))) - tonumber(ARGV[1]) + afterlife)
end
return 1
