-- LuaSocket's accept loop.
local socket = require("socket")
local listener = assert(socket.bind("127.0.0.1", arg[1], 1024))
while true do
  local client = listener:accept()
  while client do
    local line, why = client:receive()
    if not line then break end
    client:send(line .. "\n")
  end
  if client then client:close() end
end
