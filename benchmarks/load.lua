-- Sends the requests of a file in turn, counts every status, and says the figures in one line of JSON.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  statuses, requests, position = {}, {}, 0
  for _, each in ipairs(dofile(args[1])) do
    table.insert(requests, wrk.format(each.method, each.path, each.headers, each.body))
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
  local counts, errors = {}, summary.errors
  for _, thread in ipairs(threads) do
    for status, number in pairs(thread:get("statuses")) do
      counts[status] = (counts[status] or 0) + number
    end
  end
  local shown = {}
  for status, number in pairs(counts) do
    table.insert(shown, string.format('"%d": %d', status, number))
  end
  print(string.format(
    '{"microseconds": %d, "p50": %d, "p99": %d, "broken": %d, "statuses": {%s}}',
    summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, table.concat(shown, ", ")
  ))
end
