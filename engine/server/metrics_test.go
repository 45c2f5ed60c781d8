package server

import (
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// The text of a family: what is escaped, the buckets of a histogram, one order.
func TestMetricText(t *testing.T) {
	var p sheet
	runs := p.family(counter, "runs_total", `Runs of C:\ or`+"\n"+`others.`, "status", "workflow")
	runs.add(1, "failed", `C:\disk "full"`+"\n\xff")
	runs.add(2, "done", "api")
	runs.add(0.5, "done", "api")
	took := p.spread("took_seconds", "How long it took.", 0.01, 10, 3, "route")
	for _, v := range []float64{0.01, 0.011, 5, math.Inf(1)} {
		took.observe(v, "/")
	}
	p.family(counter, "never_total", "Nothing was counted: then it is not there.", "by")
	p.value(gauge, "healthy", "Whether it is well.", 1)
	paused := p.family(summary, "paused_seconds", "For how long it stood.")
	paused.points = []float64{0, 0.5, 1}
	paused.put(series{sum: 0.5, count: 7, at: []float64{0.001, 0.002, 0.1}})
	p.value(gauge, "bytes", "A figure that is large.", 1<<62)

	want := `# HELP bytes A figure that is large.
# TYPE bytes gauge
bytes 4.611686018427388e+18
# HELP healthy Whether it is well.
# TYPE healthy gauge
healthy 1
# HELP paused_seconds For how long it stood.
# TYPE paused_seconds summary
paused_seconds{quantile="0"} 0.001
paused_seconds{quantile="0.5"} 0.002
paused_seconds{quantile="1"} 0.1
paused_seconds_sum 0.5
paused_seconds_count 7
# HELP runs_total Runs of C:\\ or\nothers.
# TYPE runs_total counter
runs_total{status="done",workflow="api"} 2.5
runs_total{status="failed",workflow="C:\\disk \"full\"\n` + "\uFFFD" + `"} 1
# HELP took_seconds How long it took.
# TYPE took_seconds histogram
took_seconds_bucket{route="/",le="0.01"} 1
took_seconds_bucket{route="/",le="0.1"} 2
took_seconds_bucket{route="/",le="1"} 2
took_seconds_bucket{route="/",le="+Inf"} 4
took_seconds_sum{route="/"} +Inf
took_seconds_count{route="/"} 4
`
	if got := string(p.text()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A value for each label, or it is a mistake of ours that the first test finds.
func TestMetricLabelsAreComplete(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it took one value for two labels")
		}
	}()
	NewMetrics("").runs.add(1, "done")
}

// Figures are counted by many at once, and read meanwhile.
func TestMetricsAtOnce(t *testing.T) {
	m := NewMetrics("")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				m.request("/", "GET", 200, 0)
				m.Delivered("confirmed")
			}
			m.text()
		})
	}
	all.Wait()
	text := string(m.text())
	for _, line := range []string{
		`tocsin_http_requests_total{code="200",method="GET",route="/"} 800`,
		`tocsin_http_request_duration_seconds_bucket{route="/",le="0.0005"} 800`,
		`tocsin_notifications_total{outcome="confirmed"} 800`,
		`tocsin_build_info{version="development"} 1`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// What dashboards ask of any program in Go is there under the usual names.
func TestMetricsOfProcess(t *testing.T) {
	text := string(NewMetrics("").text())
	for _, name := range []string{
		"go_gc_duration_seconds_count", "go_goroutines", "go_info{", "go_memstats_alloc_bytes", "go_memstats_heap_inuse_bytes",
		"go_memstats_mallocs_total", "go_memstats_sys_bytes", "go_threads", "process_start_time_seconds",
	} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name)).MatchString(text) {
			t.Errorf("no %s", name)
		}
	}
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		return // the rest is Linux's
	}
	for _, name := range []string{
		"process_cpu_seconds_total", "process_max_fds", "process_open_fds", "process_resident_memory_bytes", "process_virtual_memory_bytes",
		"go_goroutines", "go_sched_gomaxprocs_threads", "go_memstats_next_gc_bytes",
	} {
		if !regexp.MustCompile(`(?m)^` + name + ` [0-9.]*[1-9]`).MatchString(text) {
			t.Errorf("no %s above 0 in\n%s", name, text)
		}
	}
}

// Who takes gzip gets it; who asks while four are answered is told to come again.
func TestMetricsAnswer(t *testing.T) {
	m := NewMetrics("")
	ask := func(accept string) *http.Response {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept-Encoding", accept)
		m.ServeHTTP(w, r)
		return w.Result()
	}
	for accept, want := range map[string]string{"": "", "gzip": "gzip", "br, GZIP;q=0.5": "gzip", "gzip;q=0": "", "identity": ""} {
		if got := ask(accept).Header.Get("Content-Encoding"); got != want {
			t.Errorf("%q: %q", accept, got)
		}
	}
	z, err := gzip.NewReader(ask("gzip").Body)
	must(t, err)
	if text, err := io.ReadAll(z); err != nil || !strings.Contains(string(text), "tocsin_build_info") {
		t.Errorf("%v: %s", err, text)
	}
	for range cap(m.answer) {
		m.answer <- struct{}{}
	}
	if got := ask("").StatusCode; got != http.StatusServiceUnavailable {
		t.Error(got)
	}
}

// A request costs little beside its answer.
func BenchmarkMetricsRequest(b *testing.B) {
	m := NewMetrics("")
	b.ReportAllocs()
	for b.Loop() {
		m.request("GET /api/v1/runs", "GET", 200, 1000)
	}
}

// What a scrape of ten thousand workflows costs.
func BenchmarkMetricsText(b *testing.B) {
	m := NewMetrics("")
	for i := range 10_000 {
		m.runs.add(1, "done", fmt.Sprintf("w%05d", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		m.text()
	}
}
