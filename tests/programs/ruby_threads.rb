# Ruby: threads, Mutex, Queue, ConditionVariable, Timeout, Thread#kill and #raise, thread locals, sockets.
# vervet-needs: ruby
require "timeout"
require "socket"

mutex, total = Mutex.new, 0
10.times.map { Thread.new { 200.times { |i| mutex.synchronize { n = total; Thread.pass if i % 40 == 0; total = n + 1 } } } }.each(&:join)
puts "total #{total}"

queue, results = SizedQueue.new(3), Queue.new
workers = 4.times.map { Thread.new { while (item = queue.pop) != :stop do results << item * item end } }
100.times { |n| queue << n }
4.times { queue << :stop }
workers.each(&:join)
puts "squares #{100.times.sum { results.pop }}"

condition, ready = ConditionVariable.new, false
waiter = Thread.new { mutex.synchronize { condition.wait(mutex) until ready; "woken" } }
sleep 0.01
mutex.synchronize { ready = true; condition.signal }
puts waiter.value

begin
  Timeout.timeout(0.02) { sleep 100 }
rescue Timeout::Error
  puts "timed out"
end

log = []
victim = Thread.new { begin; sleep; ensure; log << "ensured"; end }
sleep 0.01
victim.kill.join
puts "killed #{victim.status.inspect} #{log}"

raised = Thread.new { begin; sleep; rescue ArgumentError => e; e.message; end }
sleep 0.01
raised.raise ArgumentError, "from outside"
puts raised.value

failing = Thread.new { Thread.current.report_on_exception = false; raise "in a thread" }
begin
  failing.join
rescue => e
  puts e.message
end

puts 5.times.map { |n| Thread.new { Thread.current[:n] = n; sleep 0.001; Thread.current[:n] } }.map(&:value).inspect

server = TCPServer.new("127.0.0.1", 0)
acceptor = Thread.new { 10.times { Thread.new(server.accept) { |s| while (line = s.gets) do s.puts line.chomp.reverse end; s.close } } }
puts 10.times.map { |n| Thread.new { TCPSocket.open("127.0.0.1", server.addr[1]) { |s| s.puts "hello#{n}"; s.gets.chomp } } }.map(&:value).inspect
acceptor.join

reader, writer = IO.pipe
t = Thread.new { IO.select([reader], nil, nil, 10) && reader.gets }
sleep 0.01
writer.puts "through the pipe"
puts t.value
puts `echo from a child; exit 3`, $?.exitstatus
puts Process.wait2(fork { exit 4 })[1].exitstatus
