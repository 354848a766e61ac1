-- Reads the letters that are not over, those that stay longest first; with the server's time.
-- KEYS: the letters, when each is over. ARGV: how many to pass over, how many to read.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local names = redis.call('ZREVRANGEBYSCORE', KEYS[2], '+inf', '(' .. now, 'LIMIT', ARGV[1], ARGV[2])
local letters = {}
if #names > 0 then
    letters = redis.call('HMGET', KEYS[1], unpack(names))
end
return { now, letters }
