-- Reading of a log, shared by the scripts that read one.

local page_bytes = 262144
local page_entries = 500

-- Returns the packed entries after an offset, oldest first: at most `count`, up to the one by which the data after the first
-- entry reach the size of a page.
local function page_after(stream, log, offset, count)
  local packed = {}
  local last = math.min(log.offset, offset + count)
  if last <= offset then return packed end
  if log.bytes - log.trimmed_bytes > page_bytes then
    local full = bytes_at(stream, offset + 1) + page_bytes
    if log.bytes >= full then
      last = first_where(offset + 1, last, function(at) return bytes_at(stream, at) >= full end) or last
    end
  end
  for i, item in ipairs(redis.call('XRANGE', stream, whole(offset + 1), whole(last))) do
    packed[i] = parts(item)
  end
  return packed
end

-- Returns epoch, offset and tag of the head, and offset and tag of the floor.
local function place(stream, log)
  local tag = '0'
  if log.floor == log.offset then
    tag = log.tag
  elseif log.floor > 0 then
    tag = tag_of(entry_at(stream, log.floor))
  end
  return { log.epoch, whole(log.offset), log.tag, whole(log.floor), tag }
end
