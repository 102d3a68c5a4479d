"""Lua scripts that change the streams. Each is atomic, also over a crash of Redis.

    PREFIX work:CLASS       stream of entries that wait or that a worker has
    PREFIX job:JOB          state of a job: "Q", queued; "D" and a message, done with this result
    PREFIX results:SERVER   stream of that server's results: `job` and `body`
    PREFIX bell             list with a token for each new entry; idle workers wait on it
    PREFIX bytes            size of the sound in the work streams
    PREFIX claims, dead     counters
    PREFIX letters          stream of entries given up, without their sound
    earshot:VERSION:workers sorted set of worker ids by the time at which each expires
    earshot:VERSION:worker:ID  status of a worker

The prefix is `earshot:VERSION:MODEL:`, with the version of the wire format. So releases that do not
understand one another never meet, nor do servers and workers of different models.

An entry leaves its stream only once its job has a result: a process that dies before loses nothing.
Scripts make further key names from the prefix, which a single Redis (no cluster) allows.
"""

from __future__ import annotations

from asr.reasons import NO_WORKER_IN_TIME, OVERLOADED, WORKERS_FAILED
from asr.speech import WorkClass
from asr.wire import VERSION

GROUP = "workers"

_CLASSES = ", ".join(f"'{work}'" for work in WorkClass)

_COMMON = f"""
local P = ARGV[1]
local ALL = 'earshot:{VERSION}:'
local CLASSES = {{ {_CLASSES} }}
local GROUP = '{GROUP}'
local function work(class) return P .. 'work:' .. class end
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function lost(reason)
  local head = cjson.encode({{ reason = reason }})
  return struct.pack('>c2BBI4I4', 'es', {VERSION}, 3, #head, 0) .. head
end
local function prepare()
  for _, class in ipairs(CLASSES) do
    if redis.call('EXISTS', work(class)) == 0 then
      redis.call('XGROUP', 'CREATE', work(class), GROUP, '0', 'MKSTREAM')
    end
  end
end
local function named(flat)
  local fields = {{}}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end
local function is_done(job)
  return redis.call('GETRANGE', P .. 'job:' .. job, 0, 0) == 'D'
end
-- Remove an entry from its stream, whether a worker has it or not.
local function remove(class, id, size)
  redis.call('XACK', work(class), GROUP, id)
  if redis.call('XDEL', work(class), id) == 1 then
    redis.call('DECRBY', P .. 'bytes', size)
  end
end
-- Store a job's result. The first writer wins, so a server gets each result once.
local function settle(job, server, keep_ms, body)
  if is_done(job) then return 0 end
  redis.call('SET', P .. 'job:' .. job, 'D' .. body, 'PX', keep_ms)
  local results = P .. 'results:' .. server
  redis.call('XADD', results, '*', 'job', job, 'body', body)
  redis.call('PEXPIRE', results, keep_ms)
  return 1
end
local function bury(class, job, entry, deliveries, reason)
  redis.call('INCR', P .. 'dead')
  redis.call('XADD', P .. 'letters', 'MAXLEN', '~', 1000, '*', 'job', job, 'class', class,
    'utterance', entry.utterance, 'bytes', entry.size, 'deliveries', deliveries, 'reason', reason)
end
-- Make a lease a day old: the next worker claims the entry, and its deliveries stay counted.
local function give_back(class, id, consumer)
  redis.call('XCLAIM', work(class), GROUP, consumer, 0, id, 'IDLE', 86400000, 'JUSTID')
end
-- Remove an entry whose job is done or too late; true if it was.
local function remove_if_useless(class, id, entry)
  if is_done(entry.job) then
    remove(class, id, entry.size)
    return true
  end
  if tonumber(entry.expires) < now() then
    settle(entry.job, entry.server, entry.keep, lost('{NO_WORKER_IN_TIME}'))
    remove(class, id, entry.size)
    return true
  end
  return false
end
local function handed_out(class, id, deliveries, entry)
  return {{ class, id, deliveries, entry.job, entry.server, entry.utterance, entry.size,
    entry.expires - now(), entry.keep, entry.rung or '0', entry.body }}
end
local function last_delivered(class)
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', work(class))) do
    local fields = named(group)
    if fields.name == GROUP then return fields['last-delivered-id'] end
  end
  return '0'
end
local function oldest_waiting(class)
  return redis.call('XRANGE', work(class), '(' .. last_delivered(class), '+', 'COUNT', 1)[1]
end
"""

ENQUEUE = (
    _COMMON
    + f"""
local class, job, server, utterance = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local left_ms, keep_ms = tonumber(ARGV[6]), tonumber(ARGV[7])
local most_entries, most_bytes = tonumber(ARGV[8]), tonumber(ARGV[9])
local rung, body = ARGV[10], ARGV[11]
prepare()
local state = redis.call('GET', P .. 'job:' .. job)
if state == 'Q' then return {{ 'queued' }} end
if state then return {{ 'done', string.sub(state, 2) }} end

local entries = 0
for _, each in ipairs(CLASSES) do entries = entries + redis.call('XLEN', work(each)) end
if entries == 0 then redis.call('SET', P .. 'bytes', 0) end
-- Full: the oldest entry of the least urgent class leaves. If no class is less urgent than the new
-- entry's, the new entry is refused.
local function first_to_drop()
  for i = #CLASSES, 1, -1 do
    if CLASSES[i] == class then return nil end
    local found = oldest_waiting(CLASSES[i])
    if found then return CLASSES[i], found[1], named(found[2]) end
  end
end
while entries >= most_entries
    or tonumber(redis.call('GET', P .. 'bytes') or 0) + #body > most_bytes do
  local from, id, entry = first_to_drop()
  if not from then return {{ 'full' }} end
  settle(entry.job, entry.server, entry.keep, lost('{OVERLOADED}'))
  remove(from, id, entry.size)
  entries = entries - 1
end
redis.call('SET', P .. 'job:' .. job, 'Q', 'PX', keep_ms)
redis.call('XADD', work(class), '*', 'job', job, 'server', server, 'utterance', utterance,
  'size', #body, 'expires', now() + left_ms, 'keep', keep_ms, 'rung', rung, 'body', body)
redis.call('INCRBY', P .. 'bytes', #body)
redis.call('LPUSH', P .. 'bell', 1)
redis.call('LTRIM', P .. 'bell', 0, 63)
return {{ 'queued' }}
"""
)
"""PREFIX CLASS JOB SERVER UTTERANCE LEFT_MS KEEP_MS MOST_ENTRIES MOST_BYTES RUNG BODY"""

FETCH = (
    _COMMON
    + """
local consumer, free = ARGV[2], tonumber(ARGV[3])
prepare()
local entries = {}
for _, class in ipairs(CLASSES) do
  while #entries < free do
    local read = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', free - #entries,
      'STREAMS', work(class), '>')
    if not read then break end
    for _, found in ipairs(read[1][2]) do
      local entry = named(found[2])
      if not remove_if_useless(class, found[1], entry) then
        entries[#entries + 1] = handed_out(class, found[1], 1, entry)
      end
    end
  end
end
return entries
"""
)
"""PREFIX CONSUMER FREE"""

CLAIM = (
    _COMMON
    + f"""
local consumer, idle_ms, most = ARGV[2], ARGV[3], tonumber(ARGV[4])
local in_hand = {{}}
for i = 5, #ARGV do in_hand[ARGV[i]] = true end
prepare()
local given_up = {{}}
for _, class in ipairs(CLASSES) do
  local pending = redis.call('XPENDING', work(class), GROUP, 'IDLE', idle_ms, '-', '+', 100)
  for _, one in ipairs(pending) do
    local id, deliveries = one[1], one[4]
    local found = redis.call('XRANGE', work(class), id, id)[1]
    if in_hand[id] then
      -- this worker has it, and is slow
    elseif not found then
      redis.call('XACK', work(class), GROUP, id)
    else
      local entry = named(found[2])
      if remove_if_useless(class, id, entry) then
        -- removed
      elseif deliveries >= most then
        settle(entry.job, entry.server, entry.keep, lost('{WORKERS_FAILED}'))
        bury(class, entry.job, entry, deliveries, '{WORKERS_FAILED}')
        remove(class, id, entry.size)
        given_up[#given_up + 1] = entry.utterance
      else
        redis.call('XCLAIM', work(class), GROUP, consumer, idle_ms, id)
        redis.call('INCR', P .. 'claims')
        return {{ given_up, handed_out(class, id, deliveries + 1, entry) }}
      end
    end
  end
end
return {{ given_up }}
"""
)
"""PREFIX CONSUMER IDLE_MS MOST_DELIVERIES [ID IN HAND]..."""

COMPLETE = (
    _COMMON
    + """
local class, id, job, server, keep_ms = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local body, deliveries, reason = ARGV[10], ARGV[9], ARGV[11]
local entry = { utterance = ARGV[7], size = ARGV[8] }
local first = settle(job, server, keep_ms, body)
if first == 1 and reason ~= '' then bury(class, job, entry, deliveries, reason) end
remove(class, id, entry.size)
return first
"""
)
"""PREFIX CLASS ID JOB SERVER KEEP_MS UTTERANCE SIZE DELIVERIES BODY REASON (of a dead letter)"""

GIVE_BACK = (
    _COMMON
    + """
local consumer = ARGV[2]
for i = 3, #ARGV, 2 do
  local class, id = ARGV[i], ARGV[i + 1]
  if redis.call('XPENDING', work(class), GROUP, id, id, 1, consumer)[1] then
    give_back(class, id, consumer)
  end
end
return #ARGV
"""
)
"""PREFIX CONSUMER [CLASS ID]..."""

CANCEL = (
    _COMMON
    + f"""
for i = 3, #ARGV do
  if not is_done(ARGV[i]) then
    redis.call('SET', P .. 'job:' .. ARGV[i], 'D' .. lost('{NO_WORKER_IN_TIME}'), 'PX', ARGV[2])
  end
end
return #ARGV
"""
)
"""PREFIX KEEP_MS [JOB]..."""

SWEEP = (
    _COMMON
    + f"""
prepare()
for _, class in ipairs(CLASSES) do
  for _, found in ipairs(redis.call('XRANGE', work(class), '-', '+', 'COUNT', 20)) do
    local entry = named(found[2])
    if tonumber(entry.expires) >= now() then break end
    remove_if_useless(class, found[1], entry)
  end
  -- Forget consumers that are gone. One with pending entries stays: they would be lost with it.
  for _, one in ipairs(redis.call('XINFO', 'CONSUMERS', work(class), GROUP)) do
    local consumer = named(one)
    if consumer.pending == 0 and consumer.idle > {3_600_000} then
      redis.call('XGROUP', 'DELCONSUMER', work(class), GROUP, consumer.name)
    end
  end
end
return 1
"""
)
"""PREFIX. Removes entries that no worker took in time, so that Redis keeps nothing for ever."""

OVERVIEW = (
    _COMMON
    + """
prepare()
local at, classes = now(), {}
for _, class in ipairs(CLASSES) do
  local waiting = redis.call('XLEN', work(class)) - redis.call('XPENDING', work(class), GROUP)[1]
  local oldest, behind_ms = oldest_waiting(class), 0
  if oldest then behind_ms = at - tonumber(string.match(oldest[1], '^%d+')) end
  classes[#classes + 1] = { class, waiting, behind_ms }
end
redis.call('ZREMRANGEBYSCORE', ALL .. 'workers', '-inf', at)
local workers = {}
for _, id in ipairs(redis.call('ZRANGE', ALL .. 'workers', 0, 999)) do
  local status = redis.call('GET', ALL .. 'worker:' .. id)
  if status then workers[#workers + 1] = status end
end
return { classes, workers, tonumber(redis.call('GET', P .. 'bytes') or 0),
  tonumber(redis.call('GET', P .. 'claims') or 0), tonumber(redis.call('GET', P .. 'dead') or 0) }
"""
)
"""PREFIX"""

BEAT = (
    _COMMON
    + """
redis.call('SET', ALL .. 'worker:' .. ARGV[2], ARGV[4], 'PX', ARGV[3])
redis.call('ZADD', ALL .. 'workers', now() + ARGV[3], ARGV[2])
return 1
"""
)
"""PREFIX WORKER TTL_MS JSON"""

LEAVE = (
    _COMMON
    + """
redis.call('DEL', ALL .. 'worker:' .. ARGV[2])
redis.call('ZREM', ALL .. 'workers', ARGV[2])
prepare()
local left = 0
for _, class in ipairs(CLASSES) do
  local pending = redis.call('XPENDING', work(class), GROUP, '-', '+', 1000, ARGV[2])
  for _, one in ipairs(pending) do give_back(class, one[1], ARGV[2]) end
  left = left + #pending
  if #pending == 0 then redis.call('XGROUP', 'DELCONSUMER', work(class), GROUP, ARGV[2]) end
end
return left
"""
)
"""PREFIX WORKER"""
