-- What every load has in common: threads have numbers, answers are counted by status (and what was refused, or that nothing was found), the sum is one line of JSON.
local threads = {}
answers = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("thread_number", #threads)
end

function response(status, headers, body)
  local kind = tostring(status)
  if status >= 400 then
    kind = kind .. " " .. (body:match('"code":%s*"([%w_]+)"') or "unknown")
  elseif body:find('"items":[]', 1, true) then
    kind = kind .. " nothing"
  end
  answers[kind] = (answers[kind] or 0) + 1
end

function done(summary, latency)
  local counts, told = {}, {}
  for _, thread in ipairs(threads) do
    for kind, count in pairs(thread:get("answers")) do
      counts[kind] = (counts[kind] or 0) + count
    end
  end
  for kind, count in pairs(counts) do
    table.insert(told, string.format('"%s":%d', kind, count))
  end
  local errors = summary.errors
  io.write(string.format('\n{"seconds":%f,"p50":%f,"p99":%f,"lost":%d,"answers":{%s}}\n',
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.timeout, table.concat(told, ",")))
end
