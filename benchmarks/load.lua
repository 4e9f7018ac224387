-- Repeats the requests of a file in order, counts the responses by status, and prints the figures as one line of JSON.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  statuses, requests, position = {}, {}, 0
  for _, fields in ipairs(dofile(args[1])) do
    table.insert(requests, wrk.format(fields.method, fields.path, fields.headers, fields.body))
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
    for status, count in pairs(thread:get("statuses")) do
      counts[status] = (counts[status] or 0) + count
    end
  end
  local pairs_of_json = {}
  for status, count in pairs(counts) do
    table.insert(pairs_of_json, string.format('"%d": %d', status, count))
  end
  print(string.format(
    '{"microseconds": %d, "p50": %d, "p99": %d, "unanswered": %d, "statuses": {%s}}',
    summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, table.concat(pairs_of_json, ", ")
  ))
end
