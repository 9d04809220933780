-- Requests from a file, drawn at random: lines of method, path and body, with tabs between them. Arguments: the API key; the file.
dofile("counting.lua")

local requests = {}

function init(args)
  math.randomseed(os.time() * 1000 + thread_number)
  local headers = { ["Authorization"] = "Bearer " .. args[1], ["Content-Type"] = "application/json" }
  for line in io.lines(args[2]) do
    local method, path, body = line:match("^(.-)\t(.-)\t(.*)$")
    table.insert(requests, wrk.format(method, path, headers, body))
  end
end

function request()
  return requests[math.random(#requests)]
end
