// threads.c with goroutines: create, grow, pingpong, yield, mutex, memory.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const grown, blocked = 5000, 1000

func cpuNs() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

func memoryKiB() float64 {
	total := 0.0
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		var value float64
		if n, _ := fmt.Sscanf(line, "RssAnon: %f", &value); n == 1 {
			total += value
		} else if n, _ := fmt.Sscanf(line, "VmPTE: %f", &value); n == 1 {
			total += value
		} else if n, _ := fmt.Sscanf(line, "Threads: %f", &value); n == 1 {
			total += 16 * value
		}
	}
	return total
}

func each(op func(int), n int) {
	op(n)
	for took := 0.0; took < 2e8; {
		begun := cpuNs()
		op(n)
		took = cpuNs() - begun
		if took >= 2e8 {
			fmt.Printf("%.2f\n", took/float64(n))
		} else if took > 1e7 {
			n = int(float64(n) * 2.4e8 / took)
		} else {
			n *= 10
		}
	}
}

func create(n int) {
	for ; n > 0; n-- {
		done := make(chan struct{})
		go func() { close(done) }()
		<-done
	}
}

func pingpong(n int) {
	var mutex sync.Mutex
	turns := [2]*sync.Cond{sync.NewCond(&mutex), sync.NewCond(&mutex)}
	turn := 0
	play := func(me int) {
		mutex.Lock()
		for i := 0; i < n/2; i++ {
			for turn != me {
				turns[me].Wait()
			}
			turn = 1 - me
			turns[1-me].Signal()
		}
		mutex.Unlock()
	}
	var other sync.WaitGroup
	other.Add(1)
	go func() { play(1); other.Done() }()
	play(0)
	other.Wait()
}

func yield(n int) {
	yields := func() {
		for i := 0; i < n/2; i++ {
			runtime.Gosched()
		}
	}
	var other sync.WaitGroup
	other.Add(1)
	go func() { yields(); other.Done() }()
	yields()
	other.Wait()
}

var mutex sync.Mutex

func lock(n int) {
	for ; n > 0; n-- {
		mutex.Lock()
		mutex.Unlock()
	}
}

func grow() {
	var here sync.WaitGroup
	gate := make(chan struct{})
	here.Add(grown)
	begun := cpuNs()
	for i := 0; i < grown; i++ {
		go func() { here.Done(); <-gate }()
	}
	here.Wait()
	fmt.Printf("%.1f\n", (cpuNs()-begun)/grown)
}

func memory() {
	var readers, writers [blocked]*os.File
	for i := range readers {
		readers[i], writers[i], _ = os.Pipe()
	}
	before := memoryKiB()
	for _, r := range readers {
		go func(r *os.File) {
			var b [1]byte
			r.Read(b[:])
		}(r)
	}
	time.Sleep(200 * time.Millisecond)
	fmt.Printf("%.2f\n", (memoryKiB()-before)/blocked)
	runtime.KeepAlive(writers)
	runtime.KeepAlive(readers)
}

func main() {
	files := syscall.Rlimit{}
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	files.Cur = files.Max
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files)
	what := ""
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	switch what {
	case "create":
		each(create, 2000)
	case "grow":
		grow()
	case "pingpong":
		each(pingpong, 2000)
	case "yield":
		each(yield, 2000)
	case "mutex":
		each(lock, 100000)
	case "memory":
		memory()
	default:
		os.Exit(77)
	}
}
