-- Returns free units and number of buyers, or false if the sale is not open.
-- KEYS: state, buyers.
local state = redis.call('HMGET', KEYS[1], 'is_open', 'free')
if not state[1] then return false end
return {state[2], redis.call('HLEN', KEYS[2]) - 1}
