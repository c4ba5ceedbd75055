-- Claims unconfirmed admissions.
-- KEYS: stream. ARGV: consumer, minimum idle time in milliseconds, maximum number.
-- Returns a list of {buyer, admission, units, number of claims}.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local taken = {}
for _, idle in ipairs(redis.call('XPENDING', KEYS[1], 'nodes', 'IDLE', ARGV[2], '-', '+', ARGV[3])) do
  -- The fields come as name and value in turn.
  local entry = redis.call('XCLAIM', KEYS[1], 'nodes', ARGV[1], ARGV[2], idle[1])[1]
  if entry then taken[#taken + 1] = {entry[2][2], entry[2][4], entry[2][6], idle[4]} end
end
return taken
