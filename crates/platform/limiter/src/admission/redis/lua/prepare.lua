-- Starts to load a sale.
-- KEYS: state, buyers, stream. ARGV: token, time to live in milliseconds.
-- The field 0 is no buyer: it keeps the key of the buyers, and its expiry, while there are none.
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', KEYS[1], 'loading', ARGV[1])
redis.call('HSET', KEYS[2], '0', '0')
redis.call('XGROUP', 'CREATE', KEYS[3], 'nodes', '0', 'MKSTREAM')
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
return 1
