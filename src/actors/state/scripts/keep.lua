-- Keeps one letter until it is over, and tells it. Those that would go soonest make room for others.
-- KEYS: the letters, when each is over. ARGV: name, letter, milliseconds, the most, channel, and which
-- of two letters of a name stays: the `longest` or the `latest`.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept, most = tonumber(ARGV[3]), tonumber(ARGV[4])
local present = ARGV[6] == 'longest' and tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or '')
if not present or present <= now + kept then
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now) .. ARGV[2])
    redis.call('ZADD', KEYS[2], now + kept, ARGV[1])
end
local function forget(names)
    if #names > 0 then
        redis.call('HDEL', KEYS[1], unpack(names))
        redis.call('ZREM', KEYS[2], unpack(names))
    end
end
-- A few at a time: no other command waits long for this one.
forget(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100))
local over = redis.call('ZCARD', KEYS[2]) - most
if over > 0 then
    forget(redis.call('ZRANGE', KEYS[2], 0, math.min(over, 100) - 1))
end
for _, key in ipairs(KEYS) do
    if redis.call('PTTL', key) < kept then
        redis.call('PEXPIRE', key, kept)
    end
end
redis.call('PUBLISH', ARGV[5], ARGV[2])
return 1
