-- Numbers, tables, strings.
local s = 0
for i = 1, 1e6 do s = (s * 31 + i) % 1000003 end
print(s)
local t = {}
for i = 1, 3e4 do t[i] = math.sin(i) end
table.sort(t)
print(t[1], t[#t])
print(string.rep("ab", 10):gsub("a", "x"))
print(pcall(error, "thrown"))
local c = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(c(), c(), c())
local f = io.popen("echo from a shell"); print(f:read("a")); print(f:close())
print(os.date("!%Y-%m-%d", 86400), os.remove(os.tmpname()), 7 // 2, 2^53 | 0, math.maxinteger)
