-- Lets a claim in if what all replicas have counted leaves room for it; then the claimant's counts,
-- which have the claim in them, are kept. Answers whether it was let in, and what the others have
-- counted. The same arithmetic as src/limits/account.rs; a test holds the two together.
-- KEYS: the counts of a client, the replicas.
-- ARGV: the claimant, its counts, the claim, milliseconds until a silent replica has ended,
-- milliseconds that counts are kept.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mine, claim = cjson.decode(ARGV[2]), cjson.decode(ARGV[3])
local others = { this = 0, last = 0, under_way = 0, day_used = 0, day_reserved = 0, month_used = 0, month_reserved = 0 }
local function is_alive(id)
    local told = tonumber((redis.call('HGET', KEYS[2], id) or ''):match('^(%d+) '))
    return told and now - told <= tonumber(ARGV[4])
end
local seen = 0
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
    local ok, theirs = pcall(cjson.decode, all[at + 1])
    if not ok or type(theirs) ~= 'table' or theirs.v ~= mine.v then
        theirs = nil -- of another version, which counts for itself
    elseif all[at] == ARGV[1] then
        seen = theirs.seq
    else
        local same_month, same_day = theirs.month == mine.month, theirs.day == mine.day
        if theirs.minute == mine.minute then
            others.this = others.this + theirs.this
            others.last = others.last + theirs.last
        elseif theirs.minute == mine.minute - 1 then
            others.last = others.last + theirs.this
        elseif theirs.minute == mine.minute + 1 then
            -- Its clock is ahead of ours.
            others.this = others.this + theirs.this + theirs.last
        end
        if same_day then others.day_used = others.day_used + theirs.day_used end
        if same_month then others.month_used = others.month_used + theirs.month_used end
        if is_alive(all[at]) then
            -- Be it of last month: what runs still runs.
            others.under_way = others.under_way + theirs.under_way
            if same_day then others.day_reserved = others.day_reserved + theirs.day_reserved end
            if same_month then others.month_reserved = others.month_reserved + theirs.month_reserved end
        elseif theirs.month < mine.month and theirs.minute < mine.minute - 1 then
            redis.call('HDEL', KEYS[1], all[at]) -- nothing in it counts any more
        end
    end
end
-- Whether a budget has room; what is claimed is among what the claimant has reserved.
local function has_room(most, used, reserved, claimed)
    if used >= most then return false end
    return reserved - claimed <= 0 or used + reserved <= most
end
local is_let_in = true
if claim.requests_per_minute then
    local last = (others.last + mine.last) * (60000 - claim.ms_of_minute)
    is_let_in = last + (others.this + mine.this) * 60000 <= claim.requests_per_minute * 60000
end
if claim.concurrent_requests then
    is_let_in = is_let_in and others.under_way + mine.under_way <= claim.concurrent_requests
end
if claim.tokens_per_day then
    is_let_in = is_let_in and has_room(claim.tokens_per_day, others.day_used + mine.day_used,
        others.day_reserved + mine.day_reserved, claim.tokens)
end
if claim.money_per_month then
    is_let_in = is_let_in and has_room(claim.money_per_month, others.month_used + mine.month_used,
        others.month_reserved + mine.month_reserved, claim.money)
end
-- Counts that were written later may have come first.
if is_let_in and mine.seq > seen then
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
local function text(number) return string.format('%.0f', number) end
return { is_let_in and '1' or '0', text(others.this), text(others.last), text(others.under_way),
    text(others.day_used), text(others.day_reserved), text(others.month_used), text(others.month_reserved) }
