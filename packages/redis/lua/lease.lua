-- Does one action on a lease in one atomic step.
--
-- KEYS  1 the lease: a hash of token, fence, ttl, ends, since and holder; without a token it was released
-- ARGV  1 now  2 acquire, force, renew, get or release  3 token
--       4 ttl in milliseconds; empty renews for the earlier ttl
--       5 time the lease is remembered after its end, in milliseconds  6 name of the new holder, or empty
-- Returns {token, fence, ttl, ends, since, holder}, 1 for a release, or nil when the action is refused or there is no lease.
local key, now, action = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local field = redis.call('HMGET', key, 'token', 'fence', 'ttl', 'ends', 'since', 'holder')
local token, fence = field[1] or nil, tonumber(field[2] or '0')

local function hold(new_token, new_fence, ttl, since, holder)
  local ends = now + ttl
  redis.call('HSET', key, 'token', new_token, 'fence', string.format('%.0f', new_fence), 'ttl', string.format('%.0f', ttl), 'ends',
    string.format('%.0f', ends), 'since', since, 'holder', holder)
  redis.call('PEXPIRE', key, string.format('%.0f', ttl + tonumber(ARGV[5])))
  return { new_token, string.format('%.0f', new_fence), string.format('%.0f', ttl), string.format('%.0f', ends), since, holder }
end

if action == 'acquire' or action == 'force' then
  if action == 'acquire' and token and tonumber(field[4]) > now then return false end
  return hold(ARGV[3], fence + 1, tonumber(ARGV[4]), ARGV[1], ARGV[6])
end
if not token then return false end
if action == 'get' then return { token, field[2], field[3], field[4], field[5] or '0', field[6] or '' } end
if token ~= ARGV[3] then return false end
if action == 'renew' then
  local ttl = ARGV[4] == '' and field[3] or ARGV[4]
  return hold(token, fence, tonumber(ttl), field[5] or '0', field[6] or '')
end
redis.call('HDEL', key, 'token')
return 1
