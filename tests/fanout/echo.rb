# A plain accept loop in Ruby.
require 'socket'

listener = TCPServer.new('127.0.0.1', 0)
listener.listen(1024)
STDOUT.sync = true
puts listener.addr[1]
loop do
  client = listener.accept
  begin
    while (data = client.readpartial(8192))
      client.write(data)
    end
  rescue EOFError, SystemCallError
  end
  client.close
end
