-- KEYS: state, buyers, stream. ARGV: token, milliseconds that keys are kept, then buyer and admission in turn.
-- 0 when somebody else loads the sale, or Redis has lost it.
if redis.call('HGET', KEYS[1], 'loading') ~= ARGV[1] or redis.call('HEXISTS', KEYS[2], '0') == 0 then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
return 1
