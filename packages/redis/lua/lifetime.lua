-- Prelude of scripts that write to keys of several items. Redis removes such a key when nothing has been written to it for
-- as long as its longest-lived item may live. Until then each item has a time of its own, by which scripts forget it.

-- Makes keys live for at least `ms` more milliseconds. A key that does not exist yet, or any more, is left alone.
local function outlive(keys, ms)
  for _, key in ipairs(keys) do
    if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, string.format('%.0f', ms)) end
  end
end

-- Time for which a key outlives its items, so that the clocks of nodes need not agree with that of Redis.
local afterlife = 60000
