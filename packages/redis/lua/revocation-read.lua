-- Reads a page of revocations.
--
-- KEYS  1 meta  2 entries  3 ends
-- ARGV  1 now  2 epoch of the cursor, or empty  3 number to read after
-- Returns {epoch, number of the last one read, revocations as JSON...}.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return { '', '0' } end
local last = epoch == ARGV[2] and ARGV[3] or '0'
local found = { epoch, last }
local entries = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. last, '+inf', 'LIMIT', 0, page)
-- A page with only expired revocations is skipped, because an empty answer would look like the end.
while #entries > 0 and #found == 2 do
  for _, entry in ipairs(entries) do
    local number, ends, json = string.match(entry, '^(%S+) (%S+) (.*)$')
    found[2] = number
    if tonumber(ends) > tonumber(ARGV[1]) then found[#found + 1] = json end
  end
  if #found == 2 then
    entries = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. found[2], '+inf', 'LIMIT', 0, page)
  end
end
return found
