-- Notes what came and went at a node; without changes it only prolongs how long the list is kept.
--
-- KEYS  1 the node's connections: hash, id -> what is known of it as JSON
-- ARGV  1 how long it is kept in milliseconds  2 how many came, then id and JSON of each; then the ids that went
local came = tonumber(ARGV[2])
for i = 3, 2 + 2 * came, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = 3 + 2 * came, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
