-- Adds units to an open sale.
-- KEYS: state. ARGV: units, negative to remove some.
if redis.call('HGET', KEYS[1], 'is_open') then redis.call('HINCRBY', KEYS[1], 'free', ARGV[1]) end
return 1
