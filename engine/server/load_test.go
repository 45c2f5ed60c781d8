package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// While thousands hold connections open and say nothing, others are answered
// (reliability.md, A2). TOCSIN_DEEP=1 has 9,000: both ends are ours, and a
// system may allow 20,000 open files.
func TestManyConnections(t *testing.T) {
	n := 400
	if deepTests() {
		n = 9_000
	}
	w := newWorld(t, func(s *Server) { s.Limits.Connections = n + 50 })
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for range n {
		conn := dial(t, w)
		fmt.Fprint(conn, "GET /whoami HTTP/1.1\r\nHost: localhost\r\nX")
		open = append(open, conn)
	}
	c := client(t)
	var took []time.Duration
	for range 200 {
		started := time.Now()
		res, err := c.Get(w.url + "/whoami")
		must(t, err)
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Fatal(res.StatusCode)
		}
		took = append(took, time.Since(started))
	}
	slices.Sort(took)
	t.Logf("%d connections: p50 %s, p99 %s", n, took[100], took[197])
	if took[197] > 5*time.Second {
		t.Errorf("p99 is %s", took[197])
	}
}

// In a storm every alert is stored or refused, none is lost, and memory stays bounded
// (reliability.md, D6). TOCSIN_DEEP=1 sends 100,000.
func TestStorm(t *testing.T) {
	total := 4000
	if deepTests() {
		total = 100_000
	}
	w := newWorld(t)
	var accepted, refused atomic.Int64
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for batch := range total / 4 / 500 {
				var b strings.Builder
				for i := range 500 {
					fmt.Fprintf(&b, `,{"name":"storm","fingerprint":"%d-%d-%d","message":"it is raining"}`, worker, batch, i)
				}
				res, err := c.Post(w.url+"/alerts/event", "application/json", strings.NewReader("["+b.String()[1:]+"]"))
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
				switch res.StatusCode {
				case 202:
					accepted.Add(500)
				case 503:
					refused.Add(500)
				default:
					t.Errorf("%d", res.StatusCode)
				}
			}
		})
	}
	started := time.Now()
	all.Wait()
	st, err := w.s.Store.Stats(t.Context())
	must(t, err)
	if st.AlertEvents != accepted.Load() || accepted.Load()+refused.Load() != int64(total) {
		t.Errorf("%d stored, %d accepted, %d refused of %d", st.AlertEvents, accepted.Load(), refused.Load(), total)
	}
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	t.Logf("%d accepted, %d refused in %s; heap %d MiB", accepted.Load(), refused.Load(), time.Since(started).Round(time.Millisecond), mem.HeapAlloc>>20)
	if mem.HeapAlloc > 256<<20 {
		t.Errorf("the heap has %d MiB", mem.HeapAlloc>>20)
	}
}

// One alert a request, each on disk before the answer: what a card asks for is 2,000 a
// second.
func BenchmarkAccept(b *testing.B) {
	w := newWorld(b)
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer c.CloseIdleConnections()
	var n atomic.Int64
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := fmt.Sprintf(`{"name":"bench","fingerprint":"%d","severity":"info"}`, n.Add(1)%1000)
			res, err := c.Post(w.url+"/alerts/event", "application/json", strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode != 202 {
				b.Errorf("%d", res.StatusCode)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
}
