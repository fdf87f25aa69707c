-- Lets a waiting ticket leave.
--
-- KEYS  as in queue.lua
-- ARGV  as in queue.lua; 2 ticket
-- Returns the ticket with its place, nil if it is not remembered, or "unknown".
if not load_queue() then return 'unknown' end
touch()
local t = look(ARGV[2])
if not t then return false end
if t.state == 'waiting' then end_waiting(t, 'left') end
return show(t.ticket)
