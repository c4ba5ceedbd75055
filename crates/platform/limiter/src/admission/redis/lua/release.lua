-- Frees the units of an admission.
-- KEYS: state, buyers. ARGV: buyer, admission, units. Returns 1 if the buyer still had the units.
if not redis.call('HGET', KEYS[1], 'is_open') or redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], '-' .. ARGV[2])
redis.call('HINCRBY', KEYS[1], 'free', ARGV[3])
return 1
