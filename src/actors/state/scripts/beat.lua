-- Says that a replica is alive, and how it is; answers with all of them and the server's time.
-- KEYS: the replicas. ARGV: id, letter, milliseconds until a silent one is forgotten.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now) .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local alive = {}
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
    local told = tonumber(all[at + 1]:match('^(%d+) '))
    if told and now - told <= tonumber(ARGV[3]) then
        alive[#alive + 1] = all[at]
        alive[#alive + 1] = all[at + 1]
    else
        redis.call('HDEL', KEYS[1], all[at])
    end
end
return { string.format('%.0f', now), alive }
