-- Opens a loaded sale.
-- KEYS: state, buyers, stream. ARGV: token, free units, time to live in milliseconds.
-- Returns 0 if a later load has started or Redis has lost the sale.
if redis.call('HGET', KEYS[1], 'loading') ~= ARGV[1] or redis.call('EXISTS', KEYS[2], KEYS[3]) < 2 then return 0 end
redis.call('HDEL', KEYS[1], 'loading')
redis.call('HSET', KEYS[1], 'is_open', '1', 'free', ARGV[2])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
return 1
