-- Reads C source into tokens, builds trees of its brackets with a table for each, and prints the
-- functions by their depth.

local function tokens(line, number, into)
  for word, space, mark in line:gmatch("([%w_]*)(%s*)(%p?)") do
    if word ~= "" then into[#into + 1] = { kind = "word", text = word, line = number } end
    if mark ~= "" then into[#into + 1] = { kind = "mark", text = mark, line = number } end
  end
end

local closing = { ["("] = ")", ["["] = "]", ["{"] = "}" }

local function tree(list, at, close)
  local node = { children = {}, depth = 0 }
  while at <= #list do
    local token = list[at]
    if token.text == close then return node, at + 1 end
    if closing[token.text] then
      local child
      child, at = tree(list, at + 1, closing[token.text])
      child.before = node.children[#node.children]
      node.children[#node.children + 1] = child
      node.depth = math.max(node.depth, child.depth + 1)
    else
      node.children[#node.children + 1] = token
      at = at + 1
    end
  end
  return node, at
end

local part, parts, number = {}, {}, 0
for line in io.lines(arg[1]) do
  number = number + 1
  if number > 24000 then break end
  tokens(line, number, part)
  if line == "}" then
    local root = tree(part, 1, nil)
    parts[#parts + 1] = { name = "part:" .. number, depth = root.depth, root = root, size = #part }
    if #parts > 150 then table.remove(parts, 1) end
    part = {}
  end
end
table.sort(parts, function(a, b) return a.depth > b.depth or a.depth == b.depth and a.name < b.name end)
for _, one in ipairs(parts) do print(one.name .. " " .. one.depth .. " " .. one.size) end
