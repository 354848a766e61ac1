-- Forgets an account's rests that began before it was asked what it has answered well, and tells it.
-- KEYS: the letters, when each is over. ARGV: milliseconds since it was asked, channel, letter, names.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local asked = now - tonumber(ARGV[1])
for at = 4, #ARGV do
    local kept = redis.call('HGET', KEYS[1], ARGV[at])
    if kept then
        local told, letter = kept:match('^(%d+) (.*)$')
        local ok, read = pcall(cjson.decode, letter or '')
        local rest = ok and type(read) == 'table' and type(read.news) == 'table' and read.news.rest
        -- What nobody can read is no use to anybody.
        if not rest or asked >= told - (tonumber(rest.began_ms_ago) or 0) then
            redis.call('HDEL', KEYS[1], ARGV[at])
            redis.call('ZREM', KEYS[2], ARGV[at])
        end
    end
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
