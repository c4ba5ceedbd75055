-- KEYS: state. ARGV: units, below zero to take some away.
if redis.call('HGET', KEYS[1], 'is_open') then redis.call('HINCRBY', KEYS[1], 'free', ARGV[1]) end
return 1
