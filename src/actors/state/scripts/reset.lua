-- Forgets every rest of an account, and tells it.
-- KEYS: the letters, when each is over. ARGV: the account's name, channel, letter.
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    if name:sub(1, #ARGV[1]) == ARGV[1] then
        redis.call('HDEL', KEYS[1], name)
        redis.call('ZREM', KEYS[2], name)
    end
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
