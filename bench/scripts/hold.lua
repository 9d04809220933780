-- Holds, each with an order and a key of its own. Arguments: the API key; which baskets:
-- spread: three items in any store; hot: one item of one store, always, with two others; gone: one item of one store, sold out.
dofile("counting.lua")

local number = 0
local order = '{"order_ref":"%s","customer":{"name":"Camille Durand","email":"camille@atelier.example",'
  .. '"phone":"+33639981234"},"lines":[%s]}'

function init(args)
  key, baskets = args[1], args[2]
  math.randomseed(os.time() * 1000 + thread_number)
  run = string.format("%d-%d-%d", os.time(), thread_number, math.random(1e9))
end

local function line(item)
  return string.format('{"sku":"i%d","quantity":1}', item)
end

local function basket()
  if baskets == "gone" then
    return 1, line(1001)
  end
  local others = line(math.random(334, 666)) .. "," .. line(math.random(667, 1000))
  if baskets == "hot" then
    return 1, line(1) .. "," .. others
  end
  return math.random(1, 20), line(math.random(1, 333)) .. "," .. others
end

function request()
  number = number + 1
  local reference = run .. "-" .. number
  local store, lines = basket()
  return wrk.format("POST", string.format("/v1/stores/s%02d/reservations", store), {
    ["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json", ["Idempotency-Key"] = reference
  }, string.format(order, reference, lines))
end
