// SPDX-License-Identifier: Apache-2.0
//
// golang SECONDS: Go's closures, interfaces, goroutines that hand values over, defer and recover, maps and the garbage
// collector at work.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"
)

var sink []byte

//go:noinline
func goWork(value uint64) uint64 {
	for i := uint64(0); i < 2000; i++ {
		value = (value^(value>>29))*0xff51afd7ed558ccd + i
	}
	return value
}

type step interface{ step(value uint64) uint64 }
type leaf struct{}
type nested struct{ inner step }

//go:noinline
func (leaf) step(value uint64) uint64 { return goWork(value) + 1 }

//go:noinline
func (n nested) step(value uint64) uint64 { return n.inner.step(value) + 1 }

//go:noinline
func inClosures(value uint64) uint64 {
	call := goWork
	for i := uint64(0); i < 6; i++ {
		inner := call
		call = func(given uint64) uint64 { return inner(given) + i }
	}
	return call(value)
}

//go:noinline
func inAPanic(value uint64) (result uint64) {
	defer func() {
		if thrown := recover(); thrown != nil {
			result = goWork(value)
		}
	}()
	if goWork(value) != 0 {
		panic("on purpose")
	}
	return 0
}

//go:noinline
func inMaps(value uint64) uint64 {
	names := map[string]uint64{}
	for i := uint64(0); i < 64; i++ {
		names[strconv.FormatUint(value+i, 10)] = i
	}
	keys := make([]string, 0, len(names))
	for name := range names {
		keys = append(keys, name)
	}
	sort.Slice(keys, func(a, b int) bool { return keys[a] < keys[b] })
	sink = make([]byte, 64<<10)
	return names[keys[0]]
}

func everything(end time.Time, out chan<- uint64) {
	var shape step = leaf{}
	for i := 0; i < 8; i++ {
		shape = nested{shape}
	}
	value := uint64(1)
	for time.Now().Before(end) {
		value += shape.step(value)
		value += inClosures(value)
		value += inAPanic(value)
		value += inMaps(value)
	}
	out <- value
}

func main() {
	seconds := 5.0
	if len(os.Args) > 1 {
		seconds, _ = strconv.ParseFloat(os.Args[1], 64)
	}
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	out := make(chan uint64)
	for i := 0; i < 3; i++ {
		go everything(end, out)
	}
	fmt.Fprintln(os.Stderr, <-out^<-out^<-out != 0)
}
