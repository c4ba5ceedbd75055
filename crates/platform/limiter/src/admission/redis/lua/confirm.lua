-- Marks admissions as durable.
-- KEYS: state, stream. ARGV: admissions. Returns the number of those that were unconfirmed.
local entries = {}
local found = redis.call('HMGET', KEYS[1], unpack(ARGV))
for index = 1, #ARGV do
  local entry = found[index]
  if entry then entries[#entries + 1] = entry end
end
if #entries == 0 then return 0 end
redis.call('XACK', KEYS[2], 'nodes', unpack(entries))
redis.call('XDEL', KEYS[2], unpack(entries))
redis.call('HDEL', KEYS[1], unpack(ARGV))
return #entries
