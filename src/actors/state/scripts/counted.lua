-- Keeps what a replica has counted for a client, unless something later is kept.
-- KEYS: the counts of a client. ARGV: the replica, its counts, milliseconds that they are kept.
local kept = redis.call('HGET', KEYS[1], ARGV[1])
local ok, known = pcall(cjson.decode, kept or '')
if not ok or type(known) ~= 'table' or (tonumber(known.seq) or 0) < cjson.decode(ARGV[2]).seq then
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
