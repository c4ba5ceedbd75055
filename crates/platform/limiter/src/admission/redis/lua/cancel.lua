-- Undoes an admission.
-- KEYS: state, buyers, stream. ARGV: buyer, admission, units. Returns 1 if the admission existed.
if not redis.call('HGET', KEYS[1], 'is_open') or redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'free', ARGV[3])
local entry = redis.call('HGET', KEYS[1], ARGV[2])
if entry then
  redis.call('XACK', KEYS[3], 'nodes', entry)
  redis.call('XDEL', KEYS[3], entry)
  redis.call('HDEL', KEYS[1], ARGV[2])
end
return 1
