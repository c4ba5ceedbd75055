-- KEYS: stream. ARGV: consumer, milliseconds without a sign of their node, how many.
-- Takes them over: a list of {buyer, admission, units, how often it was taken over}.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local taken = {}
for _, idle in ipairs(redis.call('XPENDING', KEYS[1], 'nodes', 'IDLE', ARGV[2], '-', '+', ARGV[3])) do
  -- The fields come as name and value in turn.
  local entry = redis.call('XCLAIM', KEYS[1], 'nodes', ARGV[1], ARGV[2], idle[1])[1]
  if entry then taken[#taken + 1] = {entry[2][2], entry[2][4], entry[2][6], idle[4]} end
end
return taken
