-- Presence of one channel, shared by the scripts that follow it. All keys have one hash tag:
--
-- KEYS  1 room       hash: epoch, version, and the last number given
--       2 members    sorted set: id -> its number, the longest present first
--       3 about      hash: id -> member as JSON
--       4 holders    sorted set: holder -> time its holds end
--       5 holds      sorted set of one score: holder, zero byte, id
--       6 held       hash: id -> number of its holders
--       7 lingering  sorted set: id -> time it is removed
--       8 typing     sorted set: id -> time its typing ends
--       9 typists    sorted set: id -> its number, in the order they began to type
-- ARGV  1 now  2 publish command  3 bus channel  4 maximum members listed  5 maximum typing listed
local room, members, about, holders, holds, held, lingering, typing, typists =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local now, most, most_typing = tonumber(ARGV[1]), tonumber(ARGV[4]), tonumber(ARGV[5])
local grace = 60000

-- Ids that entered, entered again after they left, and left in this step.
local came, came_again, went = {}, {}, {}

local function whole(number)
  return string.format('%.0f', number)
end

local function text_list(ids)
  local texts = {}
  for i, id in ipairs(ids) do texts[i] = cjson.encode(id) end
  return '[' .. table.concat(texts, ',') .. ']'
end

local function about_list(ids)
  local texts = {}
  for i, id in ipairs(ids) do texts[i] = redis.call('HGET', about, id) end
  return '[' .. table.concat(texts, ',') .. ']'
end

local function listed_typing()
  return redis.call('ZRANGE', typists, 0, most_typing - 1)
end

local function stop_typing(id)
  redis.call('ZREM', typing, id)
  redis.call('ZREM', typists, id)
end

local function remove(id)
  if came[id] then came[id] = nil else went[id] = true end
  redis.call('ZREM', members, id)
  redis.call('HDEL', about, id)
  redis.call('HDEL', held, id)
  redis.call('ZREM', lingering, id)
  stop_typing(id)
end

local function hold_of(holder, id)
  return holder .. '\0' .. id
end

local function holds_of(holder)
  return redis.call('ZRANGEBYLEX', holds, '[' .. holder .. '\0', '(' .. holder .. '\1')
end

local function count_holds(holder)
  return redis.call('ZLEXCOUNT', holds, '[' .. holder .. '\0', '(' .. holder .. '\1')
end

-- Removes one holder's hold on a member. Without other holders, the member is removed, or lingers until `lingers_until`.
local function release(holder, id, lingers_until)
  if redis.call('ZREM', holds, hold_of(holder, id)) == 0 then return end
  if count_holds(holder) == 0 then redis.call('ZREM', holders, holder) end
  if redis.call('HINCRBY', held, id, -1) > 0 then return end
  if lingers_until then redis.call('ZADD', lingering, whole(lingers_until), id) else remove(id) end
end

local function enter(holder, id, text, ends)
  if not redis.call('ZSCORE', members, id) then
    if went[id] then came_again[id] = true end
    came[id] = true
    local number = redis.call('HINCRBY', room, 'last', 1)
    redis.call('ZADD', members, whole(number), id)
    redis.call('HSET', about, id, text)
  end
  redis.call('ZREM', lingering, id)
  if redis.call('ZADD', holds, 0, hold_of(holder, id)) == 1 then redis.call('HINCRBY', held, id, 1) end
  if not redis.call('ZSCORE', holders, holder) then redis.call('ZADD', holders, whole(ends), holder) end
end

local function remove_ended()
  for _, holder in ipairs(redis.call('ZRANGEBYSCORE', holders, '-inf', whole(now))) do
    for _, hold in ipairs(holds_of(holder)) do release(holder, string.sub(hold, #holder + 2)) end
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', lingering, '-inf', whole(now))) do remove(id) end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', typing, '-inf', whole(now))) do stop_typing(id) end
end

-- Returns the milliseconds until something ends by itself; nil when nothing does.
local function ends_in()
  local first
  for _, key in ipairs({ lingering, typing }) do
    local ends = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    if ends and (not first or ends < first) then first = ends end
  end
  return first and math.max(0, first - now)
end

local function same(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

-- Returns the listed members that joined, in order, and those that left. `before` is false when all members fit on the list.
local function listed_change(before)
  local joined, left = {}, {}
  if not before then
    for id in pairs(came) do joined[#joined + 1] = id end
    table.sort(joined, function(a, b)
      return tonumber(redis.call('ZSCORE', members, a)) < tonumber(redis.call('ZSCORE', members, b))
    end)
    for id in pairs(went) do
      if not came[id] then left[#left + 1] = id end
    end
    return joined, left
  end
  local was, is = {}, {}
  for _, id in ipairs(before) do was[id] = true end
  for _, id in ipairs(redis.call('ZRANGE', members, 0, most - 1)) do
    is[id] = true
    if not was[id] or came_again[id] then joined[#joined + 1] = id end
  end
  for _, id in ipairs(before) do
    if not is[id] then left[#left + 1] = id end
  end
  return joined, left
end

-- Deletes the presence of a channel without members. Otherwise all keys expire if no node updates them any more.
local function settle()
  if redis.call('ZCARD', members) == 0 then
    redis.call('DEL', unpack(KEYS))
    return
  end
  local last = now
  for _, key in ipairs({ holders, lingering }) do
    last = math.max(last, tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] or '0'))
  end
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, whole(last - now + grace)) end
end

-- Runs one step on existing presence and publishes its changes to the nodes. Returns epoch and version.
local function step(most_come, change)
  local epoch = redis.call('HGET', room, 'epoch')
  local count_before = redis.call('ZCARD', members)
  local listed = count_before + most_come > most and redis.call('ZRANGE', members, 0, most - 1)
  local typing_before = listed_typing()
  change()
  local joined, left = listed_change(listed)
  local typing_now = listed_typing()
  local count = redis.call('ZCARD', members)
  local typing_changed = not same(typing_before, typing_now)
  local version = tonumber(redis.call('HGET', room, 'version') or '0')
  if #joined > 0 or #left > 0 or count ~= count_before or typing_changed then
    version = redis.call('HINCRBY', room, 'version', 1)
    local ends = ends_in()
    redis.call(ARGV[2], ARGV[3], '{"epoch":' .. cjson.encode(epoch) .. ',"version":' .. whole(version)
      .. ',"joined":' .. about_list(joined) .. ',"left":' .. text_list(left) .. ',"count":' .. whole(count)
      .. (typing_changed and ',"typing":' .. text_list(typing_now) or '')
      .. (ends and ',"endsInMs":' .. whole(ends) or '') .. '}')
  end
  return epoch, version
end
