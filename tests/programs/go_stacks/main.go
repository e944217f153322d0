// SPDX-License-Identifier: Apache-2.0

// go_stacks SECONDS: Go code whose stacks are awkward to walk. Prints what Go's own traceback says of the deepest place
// of two goroutines, root first. Goroutines recurse, ask for the time (the vDSO, on another stack), allocate (the collector), talk
// through channels (the scheduler), grow their stacks and are sent signals.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const depth = 40

var sink uint64
var keep [64][]byte

//go:noinline
func burn(n int) uint64 {
	x := uint64(n) | 1
	for i := 0; i < n; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

//go:noinline
func descend(left int, leaf func() uint64) uint64 {
	if left == 0 {
		return leaf()
	}
	return descend(left-1, leaf) + uint64(left)
}

func traceback() uint64 {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	var names []string
	for {
		frame, more := frames.Next()
		names = append(names, frame.Function)
		if !more {
			break
		}
	}
	for i, j := 0, len(names)-1; i < j; i, j = i+1, j-1 {
		names[i], names[j] = names[j], names[i]
	}
	fmt.Println(strings.Join(names, ";"))
	return 0
}

//go:noinline
func recurse() {
	descend(depth, traceback)
	for {
		sink += descend(depth, func() uint64 { return burn(200000) })
	}
}

//go:noinline
func askTheTime() {
	for {
		for i := 0; i < 10000; i++ {
			sink += uint64(time.Now().UnixNano())
		}
	}
}

//go:noinline
func allocate() {
	for i := 0; ; i++ {
		keep[i%len(keep)] = make([]byte, 1000+i%50000)
	}
}

//go:noinline
func talk(in, out chan int) {
	for n := range in {
		out <- n + 1
	}
}

//go:noinline
func growStack(left int) uint64 {
	var room [256]uint64
	room[left%len(room)] = uint64(left)
	if left == 0 {
		return room[0]
	}
	return growStack(left-1) + room[left%len(room)]
}

func main() {
	seconds, err := strconv.ParseFloat(os.Args[1], 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	descend(depth, traceback)
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGUSR1)
	a, b := make(chan int), make(chan int)
	go recurse()
	go askTheTime()
	go allocate()
	go talk(a, b)
	go talk(b, a)
	a <- 0
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	for time.Now().Before(end) {
		done := make(chan uint64)
		go func() { done <- growStack(600) }()
		sink += <-done
		_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
		sink += burn(100000)
	}
}
