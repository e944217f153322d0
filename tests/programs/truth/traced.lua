-- SPDX-License-Identifier: Apache-2.0
--
-- traced.lua SECONDS: loops that LuaJIT compiles, calls of string functions, and a comparison called back from a sort.
-- No modulo: its helper runs one call deeper than LuaJIT's unwind information says of all of the interpreter.
local seconds = tonumber(arg[1]) or 5
local stop = os.time() + seconds

local function work(value)
  for i = 1, 20000 do value = value * 0.75 + i end
  return value
end

local function descend(depth, value)
  if depth == 0 then return work(value) end
  return descend(depth - 1, value + depth) + 1
end

local value = 1
while os.time() < stop do
  value = descend(12, value)
  local words = {}
  for i = 1, 100 do words[i] = string.rep(tostring(value + i), 3) end
  table.sort(words, function(a, b) return a > b end)
end
