// What Go programs use of their runtime: goroutines, channels, maps, panics that are recovered, garbage collection, files and
// standard input. Without an argument all of it but the last two; else the argument says what.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// goroutines sends numbers through a chain of filters: the sieve of Eratosthenes, a goroutine a prime.
func goroutines() {
	numbers := make(chan int)
	done := make(chan struct{})
	go func() {
		defer close(numbers)
		for n := 2; ; n++ {
			select {
			case numbers <- n:
			case <-done:
				return
			}
		}
	}()
	source := (<-chan int)(numbers)
	sum := 0
	for range 200 {
		prime := <-source
		sum += prime
		filtered := make(chan int)
		go func(in <-chan int) {
			for n := range in {
				if n%prime != 0 {
					select {
					case filtered <- n:
					case <-done:
						return
					}
				}
			}
		}(source)
		source = filtered
	}
	close(done)
	fmt.Println("sum of the first 200 primes:", sum)

	var group sync.WaitGroup
	var lock sync.Mutex
	results := map[int]uint64{}
	for worker := range 50 {
		group.Add(1)
		go func() {
			defer group.Done()
			hash := fnv.New64a()
			for i := range 100 {
				fmt.Fprintf(hash, "%d/%d", worker, i)
				if i%10 == 0 {
					runtime.Gosched()
				}
			}
			lock.Lock()
			defer lock.Unlock()
			results[worker] = hash.Sum64()
		}()
	}
	group.Wait()
	var all uint64
	for _, result := range results {
		all ^= result
	}
	fmt.Printf("%d workers: %016x\n", len(results), all)

	timeout := time.After(20 * time.Millisecond)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	ticks := 0
	for waiting := true; waiting; {
		select {
		case <-ticker.C:
			ticks++
		case <-timeout:
			waiting = false
		}
	}
	fmt.Println("the clock ticks:", ticks > 0)
}

type point struct {
	x, y int
	name string
}

// maps grows and shrinks maps with keys of several kinds.
func maps() {
	byName := map[string]int{}
	byPoint := map[point][]int{}
	byAny := map[any]int{}
	for i := range 5000 {
		byName["key"+strconv.Itoa(i*7919%5000)] += i
		key := point{i % 17, i % 13, strconv.Itoa(i % 3)}
		byPoint[key] = append(byPoint[key], i)
		switch i % 4 {
		case 0:
			byAny[i]++
		case 1:
			byAny[float64(i%100)]++
		case 2:
			byAny[[2]int{i % 5, i % 7}]++
		default:
			byAny[strconv.Itoa(i%50)]++
		}
	}
	for i := 0; i < 5000; i += 3 {
		delete(byName, "key"+strconv.Itoa(i))
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return byName[names[i]] < byName[names[j]] })
	fmt.Println(len(byName), names[:3], len(byPoint), byPoint[point{1, 2, "0"}], len(byAny))
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		byAny[[]int{1}] = 1
	}()
}

type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return fmt.Sprintf("failure %d: %v", f.code, f.err) }
func (f *failure) Unwrap() error { return f.err }

var errDeep = errors.New("deep inside")

func descend(depth int, log *[]int) int {
	defer func() { *log = append(*log, depth) }()
	if depth == 0 {
		panic(&failure{7, errDeep})
	}
	if depth%5 == 0 {
		defer func() {
			if reason := recover(); reason != nil {
				f := reason.(*failure)
				panic(&failure{f.code + depth, f})
			}
		}()
	}
	return descend(depth-1, log) + 1
}

func try(what string, action func()) {
	defer func() {
		reason := recover()
		if err, is := reason.(runtime.Error); is {
			fmt.Printf("%s: runtime error: %v\n", what, err)
		} else {
			fmt.Printf("%s: %v\n", what, reason)
		}
	}()
	action()
}

// panics recovers from each kind of them, in the goroutine where it belongs.
func panics() {
	var log []int
	try("descend", func() { descend(12, &log) })
	fmt.Println(log)
	var nowhere *point
	var anything any = "text"
	var noMap map[string]int
	numbers := make([]int, 3)
	zero := len(noMap)
	try("nil pointer", func() { fmt.Println(nowhere.name) })
	try("index", func() { numbers[zero+3] = 1 })
	try("slice", func() { fmt.Println(numbers[2:zero]) })
	try("division", func() { fmt.Println(1 / zero) })
	try("type", func() { fmt.Println(anything.(int)) })
	try("nil map", func() { noMap["a"] = 1 })
	try("make", func() { fmt.Println(len(make([]int, zero-1))) })
	try("closed", func() { c := make(chan int); close(c); close(c) })
	try("array", func() { fmt.Println([4]int(numbers)) })
	try("nothing", func() {})
	try("wrapped", func() {
		defer func() {
			var f *failure
			err := recover().(error)
			fmt.Println(errors.Is(err, errDeep), errors.As(err, &f), f.code)
			panic("again")
		}()
		descend(5, &log)
	})
	reasons := make(chan any)
	go func() {
		defer func() { reasons <- recover() }()
		descend(3, &log)
	}()
	fmt.Println("from a goroutine:", <-reasons)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		defer fmt.Println("deferred")
		runtime.Goexit()
	}()
	<-finished
}

type tree struct {
	left, right *tree
	value       int
}

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{value: 1}
	}
	return &tree{grow(depth - 1), grow(depth - 1), depth}
}

func (t *tree) sum() int {
	if t == nil {
		return 0
	}
	return t.value + t.left.sum() + t.right.sum()
}

// garbage allocates some hundred megabytes with little of it alive, across a stack that grows.
func garbage() {
	kept := grow(14)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	total := 0
	for i := range 60 {
		total += grow(12).sum()
		text := strings.Repeat(strconv.Itoa(i), 10000)
		total += len(strings.Split(text, "1"))
	}
	finalized := make(chan bool, 1)
	func() {
		object := &point{name: "short-lived"}
		runtime.SetFinalizer(object, func(*point) { finalized <- true })
	}()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	fmt.Println(total, kept.sum(), "finalized:", <-finalized,
		"collected:", after.NumGC > before.NumGC+2, "bounded:", after.HeapAlloc < 32<<20)
	var deep func(n int, padding [16]int) int
	deep = func(n int, padding [16]int) int {
		if n == 0 {
			return 0
		}
		padding[n%16] = n
		return deep(n-1, padding) + padding[n%16]
	}
	fmt.Println(deep(20000, [16]int{}))
	product := big.NewInt(1)
	for i := int64(1); i <= 200; i++ {
		product.Mul(product, big.NewInt(i))
	}
	fmt.Println(len(product.String()), product.String()[:20])
}

// files writes and reads below a folder.
func files(root string) error {
	for i := range 5 {
		folder := filepath.Join(root, "sub"+strconv.Itoa(i%2))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		text := strings.Repeat("line "+strconv.Itoa(i)+"\n", i+1)
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(i)+".txt"), []byte(text), 0o666); err != nil {
			return err
		}
	}
	if err := os.Rename(filepath.Join(root, "sub0", "0.txt"), filepath.Join(root, "renamed.txt")); err != nil {
		return err
	}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		lines := 0
		for scanner := bufio.NewScanner(file); scanner.Scan(); {
			lines++
		}
		name, err := filepath.Rel(root, path)
		fmt.Println(name, lines)
		return err
	})
	if err != nil {
		return err
	}
	_, err = os.Open(filepath.Join(root, "missing"))
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	for i := range 2 {
		if err := os.RemoveAll(filepath.Join(root, "sub"+strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return nil
}

// words counts those of the standard input.
func words() {
	counts := map[string]int{}
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Split(bufio.ScanWords)
	for scanner.Scan() {
		if word := strings.Trim(scanner.Text(), ".,;()'*"); word != "" {
			counts[strings.ToLower(word)]++
		}
	}
	found := make([]string, 0, len(counts))
	for word := range counts {
		found = append(found, word)
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		return counts[a] > counts[b] || counts[a] == counts[b] && a < b
	})
	for _, word := range found[:min(10, len(found))] {
		fmt.Println(counts[word], word)
	}
}

func main() {
	if len(os.Args) < 2 {
		goroutines()
		maps()
		panics()
		garbage()
		return
	}
	switch os.Args[1] {
	case "words":
		words()
	case "files":
		if err := files(os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case "exit":
		defer fmt.Println("not reached")
		os.Exit(7)
	case "panic":
		defer fmt.Println("deferred, then the program ends")
		descend(3, new([]int))
	case "deadlock":
		<-make(chan int)
	}
}
