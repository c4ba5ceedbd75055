-- KEYS: state, buyers. Free units and buyers, nothing when the sale is not open.
local state = redis.call('HMGET', KEYS[1], 'is_open', 'free')
if not state[1] then return false end
return {state[2], redis.call('HLEN', KEYS[2]) - 1}
