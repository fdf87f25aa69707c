-- The questions of operations, shared by the scripts that follow it. All keys have one hash tag:
--
-- KEYS  1 records  hash: id -> a line of its operation's list, a line of the lists it is in while it is open, a line of its key or
--                  nothing, a line of its revision and its status, and the question as JSON
--       2 ages     sorted set: id -> time it expires
--       3 settled  sorted set: id -> time it was settled
--       4 due      sorted set: id -> time something has to be done about it
--       5 keys     hash: digest of operation and key -> id
--
-- A list of an operation is a sorted set of all its questions by the time they were asked. Every other list has open ones.
local records, ages, settled, due, keys = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

-- Returns the parts of a question; nil when there is none or it has expired.
local function found(id, now)
  local record = redis.call('HGET', records, id)
  if not record then return nil end
  if tonumber(redis.call('ZSCORE', ages, id) or '0') <= now then return nil end
  local operation, lists, key, revision, status, json =
    string.match(record, '^([^\n]*)\n([^\n]*)\n([^\n]*)\n(%d+) (%l+)\n(.*)$')
  return { operation = operation, lists = lists, key = key, revision = tonumber(revision), status = status, json = json }
end

local function leave(id, lists)
  for list in string.gmatch(lists, '%S+') do redis.call('ZREM', list, id) end
end

local function drop(id)
  local record = redis.call('HGET', records, id)
  redis.call('ZREM', ages, id)
  redis.call('ZREM', settled, id)
  redis.call('ZREM', due, id)
  if not record then return end
  local operation, lists, key = string.match(record, '^([^\n]*)\n([^\n]*)\n([^\n]*)\n')
  leave(id, operation)
  leave(id, lists)
  if key ~= '' and redis.call('HGET', keys, key) == id then redis.call('HDEL', keys, key) end
  redis.call('HDEL', records, id)
end

-- Stores a question and puts it into its lists, by the time `at`.
local function store(id, question, ends, at, due_at)
  redis.call('ZADD', ages, ends, id)
  redis.call('HSET', records, id, question.operation .. '\n' .. question.lists .. '\n' .. question.key .. '\n' ..
    string.format('%.0f', question.revision) .. ' ' .. question.status .. '\n' .. question.json)
  if question.status == 'open' then
    for list in string.gmatch(question.lists, '%S+') do redis.call('ZADD', list, at, id) end
  else
    redis.call('ZADD', settled, at, id)
  end
  if due_at == '' then redis.call('ZREM', due, id) else redis.call('ZADD', due, due_at, id) end
end

local function answer(id, question)
  return { id, string.format('%.0f', question.revision), question.status, question.json }
end
