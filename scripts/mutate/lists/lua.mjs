import { faultsIn } from "../faults-in.mjs";

const lua = "packages/redis/lua";

/** Faults in the scripts that Redis runs. */
export const luaMutants = [
  ...faultsIn(`${lua}/append.lua`, [
    [
      "if log.ts > now then log.ts_text = whole(log.ts) else log.ts, log.ts_text = now, ARGV[1] end",
      "log.ts, log.ts_text = now, ARGV[1]",
      "the times of a log go back with the clock of a node",
    ],
    [
      "math.floor(log.before / 32) < math.floor(log.offset / 32)",
      "false",
      "appends never trim entries by their age",
      "the next read or snapshot raises the floor by age before it answers, and the keys expire; only the memory in between differs",
    ],
    [
      "tonumber(ends) <= now or epoch ~= log.epoch",
      "tonumber(ends) <= now",
      "a key of an earlier log counts as a duplicate in this one",
    ],
    [
      "tonumber(ends) <= now or epoch ~= log.epoch",
      "epoch ~= log.epoch",
      "a dedupe key outlives its time",
    ],
    ["if ends_it then return 1, log.ending end", "", "ending a channel twice is an error"],
    ["return 2, ''", "", "a channel that has ended takes entries"],
    ["log.keys = math.max(log.keys, now + dedupe)", "", "a log expires before its dedupe keys"],
    ["redis.call('HSET', group.meta, 'end', packed)", "", "the end of a channel is forgotten"],
    [
      "if not outcome and not ends_it then",
      "if not outcome then",
      "the end of a channel is copied into its roll-up",
    ],
    ["'PX', whole(dedupe + 60000))", "'PX', whole(1))", "dedupe keys are forgotten at once"],
    [
      "offset > log.floor and entry_at",
      "entry_at",
      "a duplicate of a trimmed entry is answered with its data",
    ],
    [
      "tag .. ' ' .. log.tag .. ' '",
      "tag .. ' ' .. tag .. ' '",
      "an entry does not name the tag before it",
    ],
    [
      "redis.call(publish, above_bus, copies[n])",
      "",
      "readers of a roll-up hear of new entries only at the check of positions",
    ],
    [
      "math.floor(log.before / stride) < math.floor(log.offset / stride)",
      "false",
      "a log that keeps many small entries is never trimmed",
    ],
    [
      "if is_due or log.before == 0 then expire_with(meta, stream) end",
      "",
      "the entries of a channel that was read before its first entry have no time to live",
    ],
    [
      "if outcome == 7 and refuses_all(says) then return redis.error_reply(says) end",
      "",
      "a node learns from the next canary only that Redis takes no writes",
    ],
    [
      "log.bytes_before > 4096",
      "log.bytes_before > 4e9",
      "the data of large entries are beyond what a log keeps, and no node folds their state in time",
    ],
  ]),
  ...faultsIn(`${lua}/checkpoint.lua`, [
    ["offset <= log.checkpoint or", "", "an older state replaces a newer one"],
    [
      "tag_of(entry) ~= ARGV[4]",
      "tag_of(entry) == nil",
      "the state of a lost tail is kept for the log that replaced it",
    ],
    ["log.epoch ~= ARGV[2] or", "", "the state of an earlier log is kept for this one"],
  ]),
  ...faultsIn(`${lua}/connections-change.lua`, [
    ["redis.call('HDEL', KEYS[1], ARGV[i])", "", "connections that ended stay in the registry"],
  ]),
  ...faultsIn(`${lua}/connections-page.lua`, [
    ["if #found < most then found", "if true then found", "a page of connections has no limit"],
  ]),
  ...faultsIn(`${lua}/durable-claim.lua`, [
    [
      "if not has_room(tonumber(ARGV[4])) then return false end",
      "",
      "a channel has any number of durable subscribers",
    ],
    ["redis.call('DEL', subscriber)", "", "a new subscriber inherits what an expired one left"],
    ["claim()", "", "two connections hold one durable subscriber"],
  ]),
  ...faultsIn(`${lua}/durable-replay.lua`, [
    [
      "if redis.call('HEXISTS', subscriber, ARGV[3]) == 1 then return 'added' end",
      "",
      "a replay that is under way begins anew",
    ],
    [
      "if replays >= tonumber(ARGV[5]) then return 'full' end",
      "",
      "a subscriber has any number of replays",
    ],
  ]),
  ...faultsIn(`${lua}/durable-restore.lua`, [
    [
      "if mine == 'taken' or not has_room(tonumber(ARGV[9])) then return 0 end",
      "",
      "a connection that was taken over restores its state over the new one",
    ],
    [
      "or not has_room(tonumber(ARGV[9])) then return 0 end",
      "then return 0 end",
      "a restored subscriber passes the limit of the channel",
    ],
    [
      "if mine ~= 'lost' then",
      "if false then",
      "a replay that was requested before a restore is lost",
    ],
  ]),
  ...faultsIn(`${lua}/durable-save.lua`, [
    [
      "if mine ~= 'held' then return mine == 'taken' and mine or 'lost' end",
      "",
      "a connection that was taken over saves its acks over the new ones",
    ],
    [
      "or redis.call('HEXISTS', subscriber, field) == 1 then",
      "or true then",
      "a replay that was dropped comes back with the next save",
    ],
    [
      "do redis.call('HDEL', subscriber, ARGV[i]) end",
      "do end",
      "acknowledged entries are never removed",
    ],
  ]),
  ...faultsIn(`${lua}/durable.lua`, [
    [
      "whole(math.max(latest + 1, now))",
      "whole(latest + 1)",
      "a fence may repeat after the store has lost it",
    ],
    [
      "if latest > tonumber(fence) then return 'taken' end",
      "if latest > tonumber(fence) then return 'lost' end",
      "a connection that was taken over counts as one whose state was lost",
    ],
    [
      "redis.call('ZREMRANGEBYSCORE', names, '-inf', whole(now))",
      "",
      "expired subscribers use up the limit of a channel",
    ],
    [
      "redis.call('PEXPIRE', subscriber, whole(ms + afterlife))",
      "",
      "a durable subscriber is kept for ever",
    ],
  ]),
  ...faultsIn(`${lua}/find.lua`, [
    [
      "tonumber(ends) <= now or epoch ~= log.epoch",
      "epoch ~= log.epoch",
      "a command finds a key that has expired",
    ],
    ["or epoch ~= log.epoch then", "then", "a command finds a key of an earlier log"],
  ]),
  ...faultsIn(`${lua}/lease.lua`, [
    [
      "if action == 'acquire' and token and tonumber(field[4]) > now then return false end",
      "",
      "a lease that is held is granted to another",
    ],
    [
      "token and tonumber(field[4]) > now then",
      "token then",
      "a lease that expired cannot be acquired",
    ],
    [
      "return hold(ARGV[3], fence + 1,",
      "return hold(ARGV[3], fence,",
      "two holders of a lease have one fence",
    ],
    ["if token ~= ARGV[3] then return false end", "", "anyone may renew a lease"],
  ]),
  ...faultsIn(`${lua}/letter-put.lua`, [
    [
      "redis.call('ZCARD', order) > tonumber(ARGV[7])",
      "false",
      "the number of dead letters has no bound",
    ],
    [
      "redis.call('HGET', counts, 'length')) > tonumber(ARGV[8])",
      "redis.call('HGET', counts, 'length')) < 0",
      "the size of the dead letters has no bound",
    ],
    ["redis.call('HINCRBY', counts, 'dropped', 1)", "", "dropped dead letters are not counted"],
    [
      "redis.call('HSET', sources, source, id)",
      "",
      "the same failure makes a new dead letter each time",
    ],
  ]),
  ...faultsIn(`${lua}/letters.lua`, [
    [
      "redis.call('HDEL', sources, source)",
      "",
      "a failure after its dead letter was dropped makes none",
    ],
    [
      "redis.call('HINCRBY', counts, 'length', whole(0 - length))",
      "",
      "dropped dead letters use up the size of all",
    ],
    ["or '0') > now", "or '0') > 0", "dead letters outlive their age"],
  ]),
  ...faultsIn(`${lua}/letter-remove.lua`, [
    ["return was_kept and 1 or 0", "return 1", "dropping an expired dead letter succeeds"],
  ]),
  ...faultsIn(`${lua}/log.lua`, [
    ["if log.ends <= now and log.keys <= now then return nil end", "", "a log outlives its age"],
    [
      "math.max(log.floor, log.offset - kept.max_entries)",
      "log.floor",
      "a log keeps any number of entries",
    ],
    [
      "local old = now - kept.max_age",
      "local old = now - kept.max_age - 1000",
      "entries are kept a second too long",
    ],
    [
      "if kept.projected and log.checkpoint < keep then keep, bytes = log.checkpoint, log.checkpoint_bytes end",
      "",
      "entries are trimmed that the state was not folded from yet",
    ],
    [
      "redis.call('DEL', meta, stream, state) end",
      "end",
      "a new log begins with the entries of the one before",
    ],
    [
      "log.offset - kept.max_entries)",
      "log.offset - kept.max_entries - 1)",
      "a log keeps one entry too many",
    ],
    [
      "local least, before = log.bytes - kept.max_bytes, floor",
      "local least, before = log.bytes - kept.max_bytes - 1, floor",
      "a log keeps one byte too many",
    ],
  ]),
  ...faultsIn(`${lua}/node-remove.lua`, [
    [
      "return redis.call('ZREM', KEYS[2], ARGV[1])",
      "return 1",
      "a node that left is counted until it expires",
    ],
  ]),
  ...faultsIn(`${lua}/operations.lua`, [
    ["redis.call('ZREM', due, id)", "", "an operation that is gone stays due for ever"],
    ["redis.call('ZREM', list, id)", "", "an operation stays in the list of its former status"],
  ]),
  ...faultsIn(`${lua}/operation-changes.lua`, [
    [
      "if change == tonumber(ARGV[4]) then",
      "if true then",
      "a change is settled with a report that is older",
    ],
    [
      "taken[#taken + 1] = open_change(changes, parent, now)",
      "taken[#taken + 1] = redis.call('ZSCORE', changes, parent)",
      "two nodes take over the same change",
    ],
  ]),
  ...faultsIn(`${lua}/operation-put.lua`, [
    [
      "if ARGV[9] ~= '' then open_change(changes, ARGV[9], ARGV[1]) end",
      "",
      "a put of a child opens no change",
    ],
  ]),
  ...faultsIn(`${lua}/operation-get.lua`, [
    [
      "if ends <= tonumber(ARGV[1]) then return false end",
      "",
      "an operation outlives its age in the index",
    ],
  ]),
  ...faultsIn(`${lua}/operation-page.lua`, [
    [
      "ends > tonumber(ARGV[1]) and redis.call",
      "redis.call",
      "a list has operations that are too old",
      "forget() has removed up to 100 expired operations in front of it; only with more than 100 at once is one listed",
    ],
  ]),
  ...faultsIn(`${lua}/owners-change.lua`, [
    ["redis.call('PEXPIRE', key, ARGV[1])", "", "the connections of an owner are kept for ever"],
    ["redis.call('ZREM', key, member)", "", "the connections of an owner never leave its list"],
  ]),
  ...faultsIn(`${lua}/presence.lua`, [
    [
      "if redis.call('HINCRBY', held, id, -1) > 0 then return end",
      "redis.call('HINCRBY', held, id, -1)",
      "a member with two tabs leaves with the first",
    ],
    [
      "if lingers_until then redis.call('ZADD', lingering, whole(lingers_until), id) else remove(id) end",
      "remove(id)",
      "a member leaves at once when its connection breaks",
    ],
    [
      "redis.call('ZREM', lingering, id)\n  if redis.call('ZADD'",
      "if redis.call('ZADD'",
      "a member that came back leaves with its first grace period",
    ],
    [
      "if went[id] then came_again[id] = true end",
      "",
      "a member that left and came back within a step is not announced",
    ],
    [
      "if redis.call('ZADD', holds, 0, hold_of(holder, id)) == 1 then",
      "redis.call('ZADD', holds, 0, hold_of(holder, id)) do",
      "a member that enters twice from one node must leave twice",
    ],
    [
      "for _, hold in ipairs(holds_of(holder)) do",
      "for _, hold in ipairs({}) do",
      "the members of a dead node stay",
    ],
    ["or typing_changed then", "then", "a change of who types is not announced"],
    ["redis.call('DEL', unpack(KEYS))", "", "an empty room is kept"],
    [
      "redis.call('ZRANGE', typists, 0, most_typing - 1)",
      "redis.call('ZRANGE', typists, 0, -1)",
      "the list of who types has no bound",
    ],
  ]),
  ...faultsIn(`${lua}/log-pages.lua`, [
    ["bytes_at(stream, at) >= full end", "false end", "a page has any number of bytes"],
    [
      "tag = tag_of(entry_at(stream, log.floor))",
      "tag = log.tag",
      "the oldest position of a log names a wrong tag",
    ],
  ]),
  ...faultsIn(`${lua}/read.lua`, [
    [
      "math.max(log.floor, tonumber(ARGV[7]))",
      "tonumber(ARGV[7])",
      "a read returns entries below the floor",
    ],
  ]),
  ...faultsIn(`${lua}/revocation-add.lua`, [
    [
      "redis.call('HSETNX', KEYS[1], 'epoch', ARGV[3])",
      "redis.call('HSET', KEYS[1], 'epoch', ARGV[3])",
      "each revocation makes every node read all of them again",
      "the answer is the same list, only longer; a node that reads it again adds what it already knows",
    ],
  ]),
  ...faultsIn(`${lua}/single-use.lua`, [
    ["if ends > now then return 0 end", "", "a nonce or a ticket may be used any number of times"],
    ["ends > now", "ends > 0", "a name stays used up after its time"],
  ]),
  ...faultsIn(`${lua}/record.lua`, [
    [
      "if action == 'take' then redis.call('DEL', key) end",
      "",
      "a ticket works any number of times",
    ],
    ["if tonumber(ends) <= now then return false end", "", "a session outlives its time"],
  ]),
  ...faultsIn(`${lua}/revocation-read.lua`, [
    [
      "epoch == ARGV[2] and ARGV[3] or '0'",
      "ARGV[3]",
      "a node skips revocations after the store lost its data",
    ],
    [
      "if tonumber(ends) > tonumber(ARGV[1]) then",
      "if true then",
      "revocations outlive their time",
    ],
    ["found[2] = number", "", "a page of revocations repeats itself"],
  ]),
  ...faultsIn(`${lua}/snapshot.lua`, [
    [
      "if offset == log.offset then return tag == log.tag end",
      "if offset == log.offset then return true end",
      "a node's state of a lost tail counts for the log that replaced it",
    ],
    [
      "return entry and tag_of(entry) == tag",
      "return entry",
      "a node's state counts for a log with other entries",
    ],
    [
      "if ARGV[7] == log.epoch and still_true",
      "if still_true",
      "a node's state of an earlier log counts for this one",
    ],
  ]),
  ...faultsIn(`${lua}/delivery-add.lua`, [
    [
      "if tonumber(redis.call('ZSCORE', finished, id) or '0') > now then return 0 end",
      "",
      "a thing is told again after it was told",
    ],
    [
      "if redis.call('ZCARD', due) >= most then return -1 end",
      "",
      "deliveries that wait have no bound",
    ],
  ]),
  ...faultsIn(`${lua}/delivery-take.lua`, [
    ["redis.call('ZADD', due, ARGV[3], id)", "", "two nodes attempt one delivery"],
  ]),
  ...faultsIn(`${lua}/delivery-settle.lua`, [
    [
      "or latest ~= claim then return 0 end",
      "then return 0 end",
      "an attempt that lost its lease settles the delivery",
    ],
  ]),
  ...faultsIn(`${lua}/target.lua`, [
    [
      "if not was_kept and count >= tonumber(ARGV[6]) then return 0 end",
      "",
      "an owner may have any number of targets",
    ],
  ]),
];
