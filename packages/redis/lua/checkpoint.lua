-- Stores the folded state of a log, so that the entries it covers may be trimmed. An older state changes nothing.
--
-- KEYS  1 meta  2 stream  3 state
-- ARGV  1 now  2 epoch  3 offset  4 tag of the entry at that offset
--       5 the projection's name, a line break, and the state as JSON
-- Returns 1 when the state was stored, otherwise 0.
local meta, stream, state = KEYS[1], KEYS[2], KEYS[3]
local log = load(meta, tonumber(ARGV[1]))
local offset = tonumber(ARGV[3])
if not log or log.epoch ~= ARGV[2] or offset <= log.checkpoint or offset > log.offset then return 0 end
local item = item_at(stream, offset)
if not item then return 0 end
local entry, bytes = parts(item)
if tag_of(entry) ~= ARGV[4] then return 0 end
redis.call('SET', state, ARGV[5])
expire_with(meta, state)
redis.call('HSET', meta, 'checkpoint', whole(offset), 'checkpoint_bytes', whole(bytes))
return 1
