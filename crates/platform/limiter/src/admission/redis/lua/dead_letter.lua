-- Moves an unconfirmed admission to the dead letters.
-- KEYS: state, stream, dead letters. ARGV: admission, consumer, error, time to live in milliseconds, maximum letters.
-- Returns 1 if the admission was unconfirmed.
local id = redis.call('HGET', KEYS[1], ARGV[1])
if not id then return 0 end
local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
local fields = entry and entry[2] or {'a', ARGV[1]}
local now = redis.call('TIME')
local failed_at = now[1] .. string.format('%03d', math.floor(now[2] / 1000))
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'original_id', id, 'consumer', ARGV[2], 'error', ARGV[3],
  'failed_at', failed_at, unpack(fields))
redis.call('PEXPIRE', KEYS[3], ARGV[4])
redis.call('XACK', KEYS[2], 'nodes', id)
redis.call('XDEL', KEYS[2], id)
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
