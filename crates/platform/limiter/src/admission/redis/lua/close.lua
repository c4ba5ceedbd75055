-- KEYS: state, buyers, stream. What was buried stays for whoever looks into it.
redis.call('UNLINK', unpack(KEYS))
return 1
