-- Adds what a replica that leaves has counted for a client to what all have that left before, so that
-- the counts do not grow with every start of a process. Nothing of it is under way any more.
-- KEYS: the counts of a client. ARGV: the replica, milliseconds that counts are kept.
local GONE = 'gone'
local function read(id)
    local ok, counts = pcall(cjson.decode, redis.call('HGET', KEYS[1], id) or '')
    return ok and type(counts) == 'table' and counts or nil
end
local mine, gone = read(ARGV[1]), read(GONE)
if not mine or (gone and gone.v ~= mine.v) then
    return 0 -- of two versions each stays what it is
end
gone = gone or { minute = 0, this = 0, last = 0, day = 0, day_used = 0, month = 0, month_used = 0 }
local minute = math.max(mine.minute, gone.minute)
local day, month = math.max(mine.day, gone.day), math.max(mine.month, gone.month)
local sum = { this = 0, last = 0, day_used = 0, month_used = 0 }
for _, counts in ipairs({ mine, gone }) do
    if counts.minute == minute then
        sum.this, sum.last = sum.this + counts.this, sum.last + counts.last
    elseif counts.minute == minute - 1 then
        sum.last = sum.last + counts.this
    end
    if counts.day == day then sum.day_used = sum.day_used + counts.day_used end
    if counts.month == month then sum.month_used = sum.month_used + counts.month_used end
end
-- Written by hand: cjson would round nanodollars to 14 digits.
local text = '{"v":%.0f,"seq":0,"minute":%.0f,"this":%.0f,"last":%.0f,"under_way":0,"day":%.0f,"day_used":%.0f,' ..
    '"day_reserved":0,"month":%.0f,"month_used":%.0f,"month_reserved":0}'
text = text:format(mine.v, minute, sum.this, sum.last, day, sum.day_used, month, sum.month_used)
redis.call('HSET', KEYS[1], GONE, text)
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
