-- One inbox, shared by the scripts that follow it. All keys have one hash tag:
--
-- KEYS  1 items    hash: id -> item as JSON
--       2 order    sorted set: id -> its place
--       3 notes    sorted set: id of a notification -> its place
--       4 unread   sorted set: id that is neither read nor snoozed -> its place
--       5 open     sorted set: id of a question -> its place
--       6 snoozed  sorted set: id -> time until which it is hidden
--       7 facts    hash: place, revision, length, bounds
--       8 pending  sorted set: "news id" or "gone reason id" -> revision
--       9 closed   sorted set: id of a closed item -> time until which it is remembered
--      10 due      sorted set: owner -> time at which its inbox is due
-- ARGV  1 now  2 owner  3 maximum number of items  4 maximum characters of data of notifications  5 maximum age in milliseconds
local items, order, notes, unread, open = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local snoozed, facts, pending, closed, due = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local now, owner = tonumber(ARGV[1]), ARGV[2]
local max_items, max_length, max_age = tonumber(ARGV[3] or '0'), tonumber(ARGV[4] or '0'), tonumber(ARGV[5] or '0')
local retry, closed_for, max_closed, pending_at_once = 5000, 86400000, 2000, 100

local function whole(number)
  return string.format('%.0f', number)
end

local function item_of(id)
  local text = redis.call('HGET', items, id)
  return text and cjson.decode(text)
end

-- Returns the pending change of an item as its member in the set, its news and its reason.
local function pending_of(id)
  local text = redis.call('HGET', facts, 'p:' .. id)
  if not text then return nil end
  return text, string.match(text, '^(%a+) (%S*) ')
end

local function forget_pending(id)
  local member = pending_of(id)
  if member then
    redis.call('ZREM', pending, member)
    redis.call('HDEL', facts, 'p:' .. id)
  end
end

-- Counts the revision up and notes what is to be announced of an item.
local function note_change(id, news, reason)
  local revision = redis.call('HINCRBY', facts, 'revision', 1)
  local _, before = pending_of(id)
  if news ~= 'gone' and (before == 'new' or (before == 'back' and news == 'marked')) then news = before end
  forget_pending(id)
  local member = news .. ' ' .. (reason or '') .. ' ' .. id
  redis.call('ZADD', pending, whole(revision), member)
  redis.call('HSET', facts, 'p:' .. id, member)
  return revision
end

local function store(item)
  redis.call('HSET', items, item.id, cjson.encode(item))
end

local function set_unread(item)
  if item.readAt or item.snoozedUntil then redis.call('ZREM', unread, item.id)
  else redis.call('ZADD', unread, whole(item.place), item.id) end
end

local function drop(id, reason)
  local item = item_of(id)
  for _, key in ipairs({ order, notes, unread, open, snoozed }) do redis.call('ZREM', key, id) end
  if not item then return end
  redis.call('HDEL', items, id)
  if item.kind == 'notification' then redis.call('HINCRBY', facts, 'length', whole(0 - item.length)) end
  note_change(id, 'gone', reason)
end

local function bring_back(item)
  item.snoozedUntil = nil
  item.place = redis.call('HINCRBY', facts, 'place', 1)
  item.revision = note_change(item.id, 'back')
  redis.call('ZREM', snoozed, item.id)
  redis.call('ZADD', order, whole(item.place), item.id)
  redis.call('ZADD', item.kind == 'question' and open or notes, whole(item.place), item.id)
  set_unread(item)
  store(item)
end

-- Drops notifications that are too old, too many or too much. The newest goes only for its age.
local function prune()
  local from = 0
  while true do
    local id = redis.call('ZRANGE', notes, from, from)[1]
    if not id then break end
    local item = item_of(id)
    local is_old = not item or item.at + max_age <= now
    local is_newest = redis.call('ZCARD', notes) == from + 1
    local is_too_much = redis.call('ZCARD', order) > max_items or tonumber(redis.call('HGET', facts, 'length') or '0') > max_length
    if is_old or (is_too_much and not is_newest) then drop(id, 'dropped')
    else break end
  end
end

-- Sets when the inbox is due: when a snooze ends, when a change was not settled, and while a question is open, in time to
-- keep the keys alive.
local function schedule()
  local at = math.huge
  local first = redis.call('ZRANGE', snoozed, 0, 0, 'WITHSCORES')
  if first[2] then at = math.min(at, tonumber(first[2])) end
  if redis.call('ZCARD', pending) > 0 then at = math.min(at, now + retry) end
  if redis.call('ZCARD', open) > 0 then
    local age = tonumber(redis.call('HGET', facts, 'age') or '0')
    at = math.min(at, now + math.max(age / 2, 1000))
  end
  if at == math.huge then redis.call('ZREM', due, owner)
  else redis.call('ZADD', due, whole(at), owner) end
end

local function keep()
  redis.call('HSET', facts, 'age', whole(max_age))
  schedule()
  outlive(KEYS, max_age + afterlife)
end

local function state()
  local hidden = redis.call('ZCARD', snoozed)
  return tonumber(redis.call('HGET', facts, 'revision') or '0'), redis.call('ZCARD', order) - hidden,
    redis.call('ZCARD', unread), redis.call('ZCARD', open), hidden
end

-- Returns {revision, total, unread, open, snoozed, result, {member, revision, item as JSON or "", ...}}.
local function changed(result)
  prune()
  keep()
  local news = {}
  local members = redis.call('ZRANGE', pending, 0, pending_at_once - 1, 'WITHSCORES')
  for i = 1, #members, 2 do
    local id = string.match(members[i], '^%a+ %S* (.*)$')
    news[#news + 1] = members[i]
    news[#news + 1] = members[i + 1]
    news[#news + 1] = redis.call('HGET', items, id) or ''
  end
  local revision, total, new, questions, hidden = state()
  return { revision, total, new, questions, hidden, result, news }
end
