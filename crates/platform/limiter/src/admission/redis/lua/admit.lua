-- Admits a buyer: stores the admission and appends it to the stream of unconfirmed ones, atomically.
-- KEYS: state, buyers, stream. ARGV: buyer, admission, units, consumer, time to live of the keys in milliseconds.
-- Returns 0 admitted, -1 sold out, -2 unknown sale, else the first admission of the buyer as a string (Lua numbers are
-- doubles).
local state = redis.call('HMGET', KEYS[1], 'is_open', 'free')
local known = redis.call('HMGET', KEYS[2], ARGV[1], '0')
if not (state[1] and known[2]) then return -2 end
if known[1] == ARGV[2] then return 0 end
if known[1] then return (string.gsub(known[1], '^-', '')) end
local left = tonumber(state[2]) - tonumber(ARGV[3])
if left < 0 then return -1 end
local entry = redis.call('XADD', KEYS[3], 'NOMKSTREAM', '*', 'b', ARGV[1], 'a', ARGV[2], 'u', ARGV[3])
if not entry then return -2 end
-- Pending for the requesting node, without the round trip of XREADGROUP.
redis.call('XCLAIM', KEYS[3], 'nodes', ARGV[4], 0, entry, 'FORCE', 'JUSTID')
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[1], 'free', left, ARGV[2], entry)
local kept = tonumber(ARGV[5])
if redis.call('PTTL', KEYS[1]) * 2 < kept then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, kept) end
end
return 0
