-- Writes a key as another store had it, or a part of a large key.
--
-- KEYS  1 the key
-- ARGV  1 hash, zset, stream or string  2 time to live in milliseconds  3 "first" to replace what is there, otherwise "more"
--       then for a hash fields and values, for a sorted set scores and members, for a stream offsets, bytes and entries, and for a
--       string its value
-- Returns 1.
local key, kind, first = KEYS[1], ARGV[1], ARGV[3] == 'first'
if first then redis.call('DEL', key) end
if kind == 'string' then
  redis.call('SET', key, ARGV[4])
elseif kind == 'stream' then
  for i = 4, #ARGV, 3 do redis.call('XADD', key, ARGV[i], 'b', ARGV[i + 1], 'e', ARGV[i + 2]) end
else
  local command = kind == 'hash' and 'HSET' or 'ZADD'
  for i = 4, #ARGV, 2 do redis.call(command, key, ARGV[i], ARGV[i + 1]) end
end
if redis.call('PTTL', key) < tonumber(ARGV[2]) then redis.call('PEXPIRE', key, ARGV[2]) end
return 1
