-- Returns the members present in a channel.
--
-- KEYS  as in presence.lua
-- ARGV  as in presence.lua
-- Returns the list as JSON, or nil when nobody is present.
if redis.call('EXISTS', room) == 0 then return false end
local epoch, version = step(0, remove_ended)
local count = redis.call('ZCARD', members)
local answer = count > 0 and '{"epoch":' .. cjson.encode(epoch) .. ',"version":' .. whole(version)
  .. ',"members":' .. about_list(redis.call('ZRANGE', members, 0, most - 1)) .. ',"count":' .. whole(count)
  .. ',"typing":' .. text_list(listed_typing()) .. '}'
settle()
return answer
