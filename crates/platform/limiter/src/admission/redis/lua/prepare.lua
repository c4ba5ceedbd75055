-- KEYS: state, buyers, stream. ARGV: token, milliseconds that keys are kept.
-- Nobody is 0: the field keeps the buyers' key, and what expires with it, alive while there are none.
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', KEYS[1], 'loading', ARGV[1])
redis.call('HSET', KEYS[2], '0', '0')
redis.call('XGROUP', 'CREATE', KEYS[3], 'nodes', '0', 'MKSTREAM')
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
return 1
