-- Adds existing admissions to a sale that is being loaded.
-- KEYS: state, buyers, stream. ARGV: token, time to live in milliseconds, then buyer and admission in turn.
-- Returns 0 if a later load has started or Redis has lost the sale.
if redis.call('HGET', KEYS[1], 'loading') ~= ARGV[1] or redis.call('HEXISTS', KEYS[2], '0') == 0 then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
return 1
