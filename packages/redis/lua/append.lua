-- Appends entries, some to each of some logs: dedupe, next offset, store, trim, publish; and appends their copies to the logs of roll-ups.
-- The entries of one log are one group, for which the log is read and written once.
--
-- KEYS  for each group: meta  stream  state; then meta, stream and state of the roll-up, if there is one; then the dedupe key of
--       each entry that has one
-- ARGV  1 now  2 PUBLISH or SPUBLISH  then for each group:
--       number of entries  epoch if the append begins the log  what the log keeps (see policy_of)  bus channel;
--       with a roll-up the same of it, without a number; then for each entry:
--         tag  priority or -, event, and further parts of the header, each after a space; then a line break and the data
--         with the letter k: dedupe window in milliseconds, empty without a key
--         with the letter s: "1" for an entry that ends its log
--           in a compacted log "epoch offset tag" of the last entry that this one replaces, "+" for an entry of a compaction
--             that replaces none, empty for any other entry
--           claim of an id, if there is one: "own" or "any", the maximum number of ids, the publisher and the id, separated by
--             spaces; an empty id stands for "@" and the offset
--         with the letter r: tag of the copy, and the parts of its header from the priority on, with the source
-- Returns for each group "epoch, offset of the first stored entry, tag of the entry before it, ts, number of entries below the floor that
-- were not before, how many of them for the maximum size, number of entries after the checkpoint, bytes of data after it",
-- separated by spaces; the last two are - where the script has not looked. A group with entries that were not stored returns
-- {that text, position of such an entry in the group, outcome, text, …}. The outcomes: 1 and the packed entry that the key or the end
-- first made; 2 when the log has ended; 3 when so many entries wait to be folded into the stored state that no more may be
-- added; 4 when a compacted log is full; 5 when the log does not have the last entry that this one replaces; 6 and the id
-- when the id belongs to another publisher; 7 and the reason when Redis refused a command.
local now, publish = tonumber(ARGV[1]), ARGV[2]
local arg, key = 3, 1
local policies = {}

-- Number of entries after which a log that keeps many is trimmed. In between, only readers raise its floor.
local stride = 16

-- Reads what a log keeps: maximum entries, maximum age in milliseconds, maximum bytes, then "1" with a projection, "2" when compacted
-- or "0", then letters for the further arguments of its entries.
local function policy_of(text)
  local policy = policies[text]
  if not policy then
    local entries, age, bytes, kind, letters = string.match(text, '^(%S+) (%S+) (%S+) (%d)(%a*)$')
    policy = {
      max_entries = tonumber(entries), max_age = tonumber(age), max_bytes = tonumber(bytes), projected = kind == '1', compacted = kind == '2',
      keyed = string.find(letters, 'k', 1, true), special = string.find(letters, 's', 1, true), rolled = string.find(letters, 'r', 1, true),
    }
    policy.lazy = not policy.compacted and policy.max_entries >= 8 * stride and policy.max_bytes >= 1048576
    policy.ends = now + policy.max_age
    policy.ends_text = whole(policy.ends)
    policies[text] = policy
  end
  return policy
end

-- Reads the fields that an append needs only now and then.
local function complete(meta, log)
  if log.floor then return end
  local field = redis.call('HMGET', meta, 'floor', 'trimmed', 'floor_bytes', 'trimmed_bytes', 'checkpoint', 'checkpoint_bytes')
  local was = log.was
  log.floor, log.trimmed, log.floor_bytes = tonumber(field[1]), tonumber(field[2]), tonumber(field[3] or 0)
  log.trimmed_bytes, log.checkpoint, log.checkpoint_bytes = tonumber(field[4] or 0), tonumber(field[5]), tonumber(field[6] or 0)
  was.floor, was.trimmed, was.floor_bytes, was.trimmed_bytes = log.floor, log.trimmed, log.floor_bytes, log.trimmed_bytes
end

-- Returns the log with the fields that every append needs, or a new log where there is none; nil and the error where Redis refuses.
local function open(meta, stream, state, epoch)
  local field = redis.pcall('HMGET', meta, 'epoch', 'offset', 'tag', 'ts', 'ends', 'bytes', 'ttl', 'keys', 'end')
  if field.err then return nil, field.err end
  local log
  if field[1] then
    local ends, keys, ttl = tonumber(field[5]), tonumber(field[8]), tonumber(field[7])
    if not (ends and keys and ttl and field[3] and tonumber(field[2]) and tonumber(field[4])) then
      return nil, 'ERR ' .. meta .. ' is not the metadata of a log'
    end
    if ends > now or keys > now then
      log = {
        epoch = field[1], offset = tonumber(field[2]), tag = field[3], ts = tonumber(field[4]), ends = ends, bytes = tonumber(field[6] or 0),
        ttl = ttl, keys = keys, ending = field[9] or false, was = { ttl = ttl, keys = keys },
      }
    end
  end
  if not log then log = begin(meta, stream, state, epoch) end
  log.before, log.bytes_before, log.tag_before = log.offset, log.bytes, log.tag
  log.dropped, log.dropped_by_bytes = 0, 0
  if log.ts > now then log.ts_text = whole(log.ts) else log.ts, log.ts_text = now, ARGV[1] end
  return log
end

-- Stores an entry at the end of a log. Returns the packed entry, or nil and the error where Redis refuses.
local function store(stream, log, tag, text, bytes)
  local offset, bytes_text = whole(log.offset + 1), whole(log.bytes + bytes)
  local packed = log.epoch .. ' ' .. offset .. ' ' .. tag .. ' ' .. log.tag .. ' ' .. log.ts_text .. ' ' .. text
  local stored = redis.pcall('XADD', stream, offset, 'b', bytes_text, 'e', packed)
  if type(stored) == 'table' and stored.err then return nil, stored.err end
  log.offset, log.offset_text, log.tag, log.bytes, log.bytes_text = log.offset + 1, offset, tag, log.bytes + bytes, bytes_text
  return packed
end

-- Returns why a stream cannot take the next entry of its log; nil where it can. An entry whose copy cannot be stored must not be
-- stored either, and an entry of a stream cannot be taken back.
local function unfit(stream, log)
  local later = redis.pcall('XRANGE', stream, whole(log.offset + 1), '+', 'COUNT', 1)
  if later.err then return later.err end
  if later[1] then return 'ERR ' .. stream .. ' has entries of another program' end
end

local function raise(stream, log, policy, by_age)
  local floor = log.floor
  raise_floor(stream, log, now, policy, by_age)
  log.dropped, log.dropped_by_bytes, log.by_bytes = log.dropped + log.floor - floor, log.dropped_by_bytes + (log.by_bytes or 0), nil
end

-- Writes a log back after its entries were stored, and drops what is too much.
local function finish(meta, stream, state, log, policy)
  local is_due = not policy.lazy or log.bytes - log.bytes_before > 4096 or math.floor(log.before / stride) < math.floor(log.offset / stride)
  if is_due then
    complete(meta, log)
    raise(stream, log, policy, math.floor(log.before / 32) < math.floor(log.offset / 32))
    trim(stream, log, policy, math.max(16, policy.max_entries / 8))
  end
  if log.floor or policy.ends > log.ttl or log.keys > log.ttl then
    save(meta, stream, state, log, now, policy.max_age)
  elseif log.keys > log.was.keys then
    redis.call('HSET', meta, 'offset', log.offset_text, 'tag', log.tag, 'ts', log.ts_text, 'ends', policy.ends_text, 'bytes', log.bytes_text,
      'keys', whole(log.keys))
  else
    redis.call('HSET', meta, 'offset', log.offset_text, 'tag', log.tag, 'ts', log.ts_text, 'ends', policy.ends_text, 'bytes', log.bytes_text)
  end
  if is_due or log.before == 0 then expire_with(meta, stream) end
end

-- Looks up the id that the entry claims. Returns what `take` needs; nil when the id belongs to another publisher.
--
-- The metadata have the owners: of:{id} is a number and the owner, at:{number} is the id, and ids is the first and the last number.
-- An id gets a new number when it is used and no longer among the newer half.
local function look(meta, log, text)
  local mode, most, publisher, id = string.match(text, '^(%S+) (%S+) (%S+) (.*)$')
  local claim = { most = tonumber(most), first = 1, last = 0, id = id }
  if id == '' then claim.id = '@' .. whole(log.offset + 1) end
  local field = redis.call('HMGET', meta, 'ids', 'of:' .. claim.id)
  if field[1] then
    local first, last = string.match(field[1], '^(%d+) (%d+)$')
    claim.first, claim.last = tonumber(first), tonumber(last)
  end
  if field[2] then
    local at, owner = string.match(field[2], '^(%d+) (.*)$')
    claim.at, claim.owner = tonumber(at), owner
  end
  if mode == 'own' and claim.owner ~= publisher and (claim.owner or string.sub(id, 1, 1) == '@') then return nil, claim.id end
  claim.owner = claim.owner or publisher
  return claim
end

-- Writes the claim that `look` returned, and forgets the ids that were used longest ago.
local function take(meta, claim)
  if claim.at and claim.at > claim.last - claim.most / 2 then return end
  local number, gone = whole(claim.last + 1), {}
  if claim.at then gone[1] = 'at:' .. whole(claim.at) end
  -- Two at a time, so that their number also falls after the rule's maximum was lowered.
  for _ = 1, 2 do
    if claim.last + 2 - claim.first > claim.most then
      local old = 'at:' .. whole(claim.first)
      local id = claim.first ~= claim.at and redis.call('HGET', meta, old)
      if id then gone[#gone + 1], gone[#gone + 2] = old, 'of:' .. id end
      claim.first = claim.first + 1
    end
  end
  redis.call('HSET', meta, 'ids', whole(claim.first) .. ' ' .. number, 'at:' .. number, claim.id,
    'of:' .. claim.id, number .. ' ' .. claim.owner)
  if #gone > 0 then redis.call('HDEL', meta, unpack(gone)) end
end

-- Returns the packed entry that a dedupe key made, nil where the key is not known, or nil and the error of Redis.
local function known_by(dedupe_key, group)
  local known, log = redis.pcall('GET', dedupe_key), group.log
  if not known then return nil end
  if type(known) == 'table' then return nil, known.err end
  local ends, header, epoch, offset = string.match(known, '^(%d+) ((%S+) (%d+) .*)$')
  if not ends then return nil, 'ERR ' .. dedupe_key .. ' is not a dedupe key' end
  offset = tonumber(offset)
  if tonumber(ends) <= now or epoch ~= log.epoch then return nil end
  complete(group.meta, log)
  raise(group.stream, log, group.policy, true)
  group.is_renewed = true
  return offset > log.floor and entry_at(group.stream, offset) or (header .. '\nnull')
end

-- Checks an entry of a compacted log, and drops what it replaces. Returns an outcome where the entry is not possible.
local function compact(group, replaced, bytes)
  local log, policy = group.log, group.policy
  if replaced == '' then
    if log.offset - log.floor >= policy.max_entries or log.bytes - log.floor_bytes + bytes > policy.max_bytes then return 4 end
  elseif replaced ~= '+' then
    local epoch, offset, tag = string.match(replaced, '^(%S+) (%S+) (%S+)$')
    offset = tonumber(offset)
    if epoch ~= log.epoch or offset > log.offset then return 5 end
    if offset > log.floor then
      local found = offset == log.offset and log.tag or tag_of(entry_at(group.stream, offset))
      if found ~= tag then return 5 end
      log.dropped = log.dropped + offset - log.floor
      log.floor, log.floor_bytes = offset, bytes_at(group.stream, offset)
    end
  end
end

-- Appends one entry to the log of its group. Returns nothing when it was stored, otherwise an outcome and its text.
local function append(group, tag, text, dedupe, dedupe_key, ends_it, replaced, claims)
  local log, policy = group.log, group.policy
  if dedupe_key then
    local known, refusal = known_by(dedupe_key, group)
    if refusal then return 7, refusal end
    if known then return 1, known end
  end
  if log.ending then
    if ends_it then return 1, log.ending end
    return 2, ''
  end
  local bytes = #text - string.find(text, '\n', 1, true)
  -- The stored state must cover an entry before it may go, so entries that no node folds would pile up.
  if policy.projected then
    if not policy.lazy or (log.offset + 1) % stride == 0 or bytes > 4096 then complete(group.meta, log) end
    if log.floor and log.bytes - log.trimmed_bytes > 4 * policy.max_bytes then return 3, '' end
  end
  local claim, owned
  if claims ~= '' then
    claim, owned = look(group.meta, log, claims)
    if not claim then return 6, owned end
  end
  if policy.compacted then
    local outcome = compact(group, replaced, bytes)
    if outcome then return outcome, '' end
  end
  local packed, refusal = store(group.stream, log, tag, text, bytes)
  if refusal then return 7, refusal end
  if dedupe_key then
    log.keys = math.max(log.keys, now + dedupe)
    redis.call('SET', dedupe_key, whole(now + dedupe) .. ' ' .. string.match(packed, '^[^\n]*'), 'PX', whole(dedupe + 60000))
  end
  if claim then take(group.meta, claim) end
  if ends_it then
    log.ending = packed
    redis.call('HSET', group.meta, 'end', packed)
  end
  group.packed[#group.packed + 1] = packed
end

-- True for the reason of a server that refuses every write, whatever its key.
local function refuses_all(says)
  local code = string.match(says, '^%-?(%u+)')
  return code == 'OOM' or code == 'MISCONF' or code == 'NOREPLICAS' or code == 'READONLY' or code == 'CLUSTERDOWN'
end

local answers = {}
while arg < #ARGV do
  local count, policy, bus = tonumber(ARGV[arg]), policy_of(ARGV[arg + 2]), ARGV[arg + 3]
  local meta, stream, state = KEYS[key], KEYS[key + 1], KEYS[key + 2]
  local log, refusal = open(meta, stream, state, ARGV[arg + 1])
  arg, key = arg + 4, key + 3
  local group = { meta = meta, stream = stream, log = log, policy = policy, packed = {} }
  local above, above_policy, above_bus, above_meta, above_stream, above_state, copies
  if policy.rolled then
    above_policy, above_bus, copies = policy_of(ARGV[arg + 1]), ARGV[arg + 2], {}
    above_meta, above_stream, above_state = KEYS[key], KEYS[key + 1], KEYS[key + 2]
    if log then above, refusal = open(above_meta, above_stream, above_state, ARGV[arg]) end
    if above then refusal = unfit(above_stream, above) end
    arg, key = arg + 3, key + 3
  end
  if not refusal and policy.compacted then complete(meta, log) end
  local others
  for at = 1, count do
    local tag, text = ARGV[arg], ARGV[arg + 1]
    local dedupe, dedupe_key, ends_it, replaced, claims = nil, nil, false, '', ''
    arg = arg + 2
    if policy.keyed then
      dedupe = tonumber(ARGV[arg])
      if dedupe then dedupe_key, key = KEYS[key], key + 1 end
      arg = arg + 1
    end
    if policy.special then
      ends_it, replaced, claims = ARGV[arg] == '1', ARGV[arg + 1], ARGV[arg + 2]
      arg = arg + 3
    end
    local outcome, says = 7, refusal
    if not refusal then outcome, says = append(group, tag, text, dedupe, dedupe_key, ends_it, replaced, claims) end
    if outcome then
      -- Nothing has been written then.
      if outcome == 7 and refuses_all(says) then return redis.error_reply(says) end
      if not others then others = { '' } end
      local last = #others
      others[last + 1], others[last + 2], others[last + 3] = at, outcome, says
    end
    if policy.rolled then
      if not outcome and not ends_it then
        local data = string.sub(text, (string.find(text, '\n', 1, true)))
        copies[#group.packed] = store(above_stream, above, ARGV[arg], ARGV[arg + 1] .. data, #data - 1)
      end
      arg = arg + 2
    end
  end
  local summary = '- 0 - 0 0 0 - -'
  if log and (#group.packed > 0 or group.is_renewed) then
    finish(meta, stream, state, log, policy)
    if above and above.offset > above.before then finish(above_meta, above_stream, above_state, above, above_policy) end
    for n, packed in ipairs(group.packed) do
      redis.call(publish, bus, packed)
      if copies and copies[n] then redis.call(publish, above_bus, copies[n]) end
    end
    local unfolded, bytes = '-', '-'
    if log.checkpoint then unfolded, bytes = log.offset - log.checkpoint, log.bytes - log.checkpoint_bytes end
    summary = log.epoch .. ' ' .. log.before + 1 .. ' ' .. log.tag_before .. ' ' .. log.ts_text .. ' ' .. log.dropped .. ' '
      .. log.dropped_by_bytes .. ' ' .. unfolded .. ' ' .. bytes
  end
  if others then
    others[1] = summary
    answers[#answers + 1] = others
  else
    answers[#answers + 1] = summary
  end
end
return answers
