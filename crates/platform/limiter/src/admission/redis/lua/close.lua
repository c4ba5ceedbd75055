-- Removes a sale. Its dead letters stay for operators.
-- KEYS: state, buyers, stream.
redis.call('UNLINK', unpack(KEYS))
return 1
