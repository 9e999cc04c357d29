-- Builds a large table, makes an index of it, and lets most of it go.
local rows = {}
for i = 1, 50000 do
  rows[i] = { id = i, name = 'row ' .. i, tags = { i % 7, i % 11 } }
end

local by_name = {}
for _, row in ipairs(rows) do by_name[row.name] = row end
assert(by_name['row 777'].id == 777)

for i = 1, #rows do
  if i % 10 ~= 0 then by_name[rows[i].name], rows[i] = nil, false end
end
collectgarbage()

local left = 0
for _ in pairs(by_name) do left = left + 1 end
return left
