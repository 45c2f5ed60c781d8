package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A collector is a round tripper, so that time in a bubble can pass.
type collector struct {
	mu     sync.Mutex
	bodies []string
	header []http.Header
	answer func(n int) *http.Response // nil: 200
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies, c.header = append(c.bodies, string(body)), append(c.header, r.Header)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if c.answer != nil {
		return c.answer(len(c.bodies)), nil
	}
	return answered(200, "{}"), nil
}

func answered(status int, text string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Header: h, Body: io.NopCloser(strings.NewReader(text))}
}

// exporting is an exporter to c, with small numbers, and what it logs.
func exporting(c *collector, change func(*Config)) (*Exporter, *bytes.Buffer) {
	var log bytes.Buffer
	x := &Exporter{
		Config: Config{Endpoint: "http://collector.example:4318/v1/traces", Timeout: time.Second, Delay: 5 * time.Second, Queue: 6, Batch: 2, Version: "1.2"},
		Client: &http.Client{Transport: c}, Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	if change != nil {
		change(&x.Config)
	}
	return x, &log
}

// during runs x for so long.
func during(x *Exporter, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_ = x.Run(ctx)
}

// counts are how many spans each request had.
func (c *collector) counts() string {
	var list []int
	for _, body := range c.bodies {
		list = append(list, strings.Count(body, `"spanId"`))
	}
	return fmt.Sprint(list)
}

// Spans are sent some at a time, when enough have come or some time has passed, and at
// the end.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{}
		x, _ := exporting(c, nil)
		x.Take(Span{Name: "alone"})
		during(x, 6*time.Second)
		for range 5 {
			x.Take(Span{})
		}
		during(x, time.Millisecond)
		if got := c.counts(); got != "[1 2 2 1]" {
			t.Errorf("sent %s", got)
		}
	})
}

// A collector that is not there costs no more than what waits for it; what it does not
// take for a while it gets when it is back, and the log says what it never gets.
func TestCollectorAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: func(n int) *http.Response {
			if n <= 3 {
				return answered(503, "", "Retry-After", "20")
			}
			return answered(200, "")
		}}
		x, log := exporting(c, nil)
		for range 9 {
			x.Take(Span{})
		}
		begun := time.Now()
		during(x, 70*time.Second)
		if got := c.counts(); got != "[2 2 2 2 2 2]" || time.Since(begun) != 70*time.Second {
			t.Errorf("sent %s", got)
		}
		if !strings.Contains(log.String(), `msg="spans were dropped: too many waited for the collector" spans=3`) {
			t.Errorf("logged %s", log)
		}
	})
}

// What will not be taken later either is dropped, with a reason that names the host alone.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: func(int) *http.Response { return answered(400, "k3y") }}
		x, log := exporting(c, func(c *Config) { c.Endpoint = "http://u:k3y@collector.example/k3y?x=k3y" })
		x.Take(Span{})
		during(x, 10*time.Second)
		if len(c.bodies) != 1 || !strings.Contains(log.String(), `error="collector.example: 400 Bad Request"`) || strings.Contains(log.String(), "k3y") {
			t.Errorf("%d requests, logged %s", len(c.bodies), log)
		}
	})
}

// The program ends in time, whatever the collector does.
func TestEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: func(int) *http.Response { return answered(503, "") }}
		x, log := exporting(c, func(c *Config) { c.Timeout = time.Minute })
		x.Take(Span{})
		begun := time.Now()
		during(x, 10*time.Second)
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
		if !strings.Contains(log.String(), `msg="spans are dropped: the collector does not take them" spans=1`) {
			t.Errorf("logged %s", log)
		}
	})
}

func TestRequest(t *testing.T) {
	c := &collector{answer: func(int) *http.Response {
		return answered(200, `{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}`)
	}}
	synctest.Test(t, func(t *testing.T) {
		x, log := exporting(c, func(c *Config) {
			c.Gzip = true
			c.Header = http.Header{"Api-Key": {"k3y"}}
		})
		x.Take(Span{Name: "s\xff"})
		during(x, 6*time.Second)
		if !strings.Contains(log.String(), `rejected=1 reason="too old"`) {
			t.Errorf("logged %s", log)
		}
	})
	h := c.header[0]
	if h.Get("Api-Key") != "k3y" || h.Get("Content-Type") != "application/json" || h.Get("Content-Encoding") != "gzip" || h.Get("User-Agent") != "tocsin/1.2" {
		t.Errorf("%v", h)
	}
	r, err := gzip.NewReader(strings.NewReader(c.bodies[0]))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || !json.Valid(text) || !bytes.Contains(text, []byte(`"name":"s\ufffd"`)) {
		t.Errorf("%s, %v", text, err)
	}
}

// The JSON is that of the specification's examples: ids in hexadecimal digits, 64 bits as
// text (https://github.com/open-telemetry/opentelemetry-proto, examples/trace.json).
func TestEncode(t *testing.T) {
	at := time.Unix(1544712660, 300000000)
	s := Span{
		Trace: ID{0x5b, 0x8e, 15: 0x01}, Span: SpanID{0xee, 7: 2}, Parent: SpanID{0xff, 7: 3}, State: "a=1", Name: "call", Kind: Client,
		Start: at, End: at.Add(time.Second), Attributes: []Attribute{{"text", "t"}, {"number", 42}, {"yes", true}},
		Marks: []Mark{{at, "mark", []Attribute{{"k", "v"}}}}, Dropped: 2, Failed: true, Message: "refused",
	}
	got, err := encode(&Config{Version: "1.2", Resource: []Attribute{{"service.name", "tocsin"}}}, []Span{s})
	want := `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"tocsin"}}]},` +
		`"scopeSpans":[{"scope":{"name":"tocsin","version":"1.2"},"spans":[{"traceId":"5b8e0000000000000000000000000001","spanId":"ee00000000000002",` +
		`"traceState":"a=1","parentSpanId":"ff00000000000003","flags":1,"name":"call","kind":3,"startTimeUnixNano":"1544712660300000000","endTimeUnixNano":"1544712661300000000",` +
		`"attributes":[{"key":"text","value":{"stringValue":"t"}},{"key":"number","value":{"intValue":"42"}},{"key":"yes","value":{"boolValue":true}}],` +
		`"events":[{"timeUnixNano":"1544712660300000000","name":"mark","attributes":[{"key":"k","value":{"stringValue":"v"}}]}],` +
		`"droppedEventsCount":2,"status":{"message":"refused","code":2}}]}]}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

// A collector that redirects, or is somebody else, does not get the keys.
func TestKeysStayWithTheCollector(t *testing.T) {
	var keys []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { keys = append(keys, r.Header.Get("Api-Key")) }))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer first.Close()
	x, log := exporting(&collector{}, func(c *Config) {
		c.Endpoint, c.Header, c.Timeout = first.URL, http.Header{"Api-Key": {"k3y"}}, 30*time.Second
	})
	x.Client = Poster(nil)
	defer x.Client.CloseIdleConnections()
	x.Take(Span{})
	x.flush(t.Context(), 0)
	if len(keys) > 0 || !strings.Contains(log.String(), "307 Temporary Redirect") {
		t.Errorf("the other got %q, logged %s", keys, log)
	}
}
