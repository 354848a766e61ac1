-- Lets go of a lock, unless its time was up and another has it by now.
-- KEYS: the lock. ARGV: what its holder has written into it.
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
