-- Who is in a channel.
--
-- KEYS  as above
-- ARGV  as above
-- gives the list as JSON, or nothing where nobody is
if redis.call('EXISTS', room) == 0 then return false end
local epoch, version = step(0, remove_ended)
local count = redis.call('ZCARD', members)
local answer = count > 0 and '{"epoch":' .. cjson.encode(epoch) .. ',"version":' .. whole(version)
  .. ',"members":' .. about_list(redis.call('ZRANGE', members, 0, most - 1)) .. ',"count":' .. whole(count)
  .. ',"typing":' .. text_list(listed_typing()) .. '}'
settle()
return answer
