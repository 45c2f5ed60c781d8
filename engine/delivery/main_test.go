package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/engine"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/providers/webhook"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
	}
	goleak.VerifyTestMain(m)
}

// A ledger is a real server that is told things, and writes down what. It is outside of
// what is tested, so what it has, has arrived.
type ledger struct {
	*httptest.Server
	mu     sync.Mutex
	took   []string // texts, in the order in which they came
	keys   []string // Idempotency-Key of each request
	calls  int
	answer func(n int, text string) (status int, retryAfter string) // nil: 200; a status of -1 takes the message and drops the reply
}

func newLedger(t testing.TB) *ledger {
	l := &ledger{}
	l.Server = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(func() { l.CloseClientConnections(); l.Close() })
	return l
}

func (l *ledger) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var said struct{ Message string }
	_ = json.Unmarshal(body, &said)
	l.mu.Lock()
	l.calls++
	l.keys = append(l.keys, r.Header.Get("Idempotency-Key"))
	status, after := 200, ""
	if l.answer != nil {
		status, after = l.answer(l.calls, said.Message)
	}
	if status == 200 || status == -1 {
		l.took = append(l.took, said.Message)
	}
	l.mu.Unlock()
	if status == -1 {
		panic(http.ErrAbortHandler)
	}
	if after != "" {
		w.Header().Set("Retry-After", after)
	}
	w.WriteHeader(status)
}

func (l *ledger) texts() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.took...)
}

func (l *ledger) requests() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

// answers changes what it answers from now on.
func (l *ledger) answers(f func(n int, text string) (int, string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = f
}

func always(status int) func(int, string) (int, string) {
	return func(int, string) (int, string) { return status, "" }
}

// A bench is a lane with a store of its own, and what was reported dead.
type bench struct {
	*Lane
	t      testing.TB
	pool   *providers.Pool
	mu     sync.Mutex
	meta   []string // keys
	raised []string // alerts
}

// newBench makes a lane whose configurations tell the ledgers, by name.
func newBench(t testing.TB, dests map[string]*ledger, change ...func(*Lane)) *bench {
	t.Helper()
	urls := map[string]string{}
	for name, l := range dests {
		urls[name] = l.URL
	}
	return benchAt(t, t.TempDir(), urls, change...)
}

func benchAt(t testing.TB, dir string, urls map[string]string, change ...func(*Lane)) *bench {
	t.Helper()
	b := &bench{t: t, Lane: laneAt(t.Context(), dir, urls)}
	b.open()
	b.pool = b.Pool("")
	keep := b.Raise
	b.Raise = func(ctx context.Context, alert map[string]any, start bool) error {
		if err := keep(ctx, alert, start); err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		keys, _ := alert["deliveries"].([]any)
		for _, key := range keys {
			b.meta = append(b.meta, key.(string))
		}
		b.raised = append(b.raised, fmt.Sprintf("%s %s %v", alert["labels"].(map[string]any)["destination"], alert["status"], start))
		return nil
	}
	for _, f := range change {
		f(b.Lane)
	}
	t.Cleanup(func() { b.pool.Close(); b.Store.Close() })
	return b
}

// laneAt is a lane with the store in dir. Connections are not kept, since those who read
// from them are never at rest, and time in a bubble passes only when all are.
func laneAt(ctx context.Context, dir string, urls map[string]string) *Lane {
	st, err := store.Open(ctx, store.Options{Path: filepath.Join(dir, "tocsin.db"), Ballast: -1})
	if err != nil {
		panic(err)
	}
	key, err := OpenKey(filepath.Join(dir, "key"))
	if err != nil {
		panic(err)
	}
	pool := poolOf(urls, func(t http.RoundTripper) http.RoundTripper { return t })
	return &Lane{Store: st, Key: key, Pool: func(string) *providers.Pool { return pool }, Raise: raiseIn(st)}
}

// poolOf has a configuration for each address. What is sent goes through wrap.
func poolOf(urls map[string]string, wrap func(http.RoundTripper) http.RoundTripper) *providers.Pool {
	pool := providers.NewPool(providers.NewRegistry(webhook.Provider), providers.Env{
		HTTP: &http.Client{Transport: wrap(&http.Transport{DisableKeepAlives: true})},
	})
	for name, url := range urls {
		pool.Configure(name, source.Of(value.Of(map[string]any{"authentication": map[string]any{"url": url}})))
	}
	return pool
}

// message is one that says its own key.
func message(key, config string) engine.Message {
	return engine.Message{
		Key: key, Run: "r1", Workflow: "w", Action: "tell", Provider: "webhook", Config: config, Field: "message",
		With: source.Value{Data: source.Map{{Key: "message", Value: source.Of(key)}}}, Timeout: 5 * time.Second,
		Again: func(context.Context, error) bool { return false },
	}
}

// tell is what a run does.
func tell(ctx context.Context, l *Lane, m engine.Message) (engine.Receipt, error) {
	return l.Deliver(ctx, m, func(ctx context.Context) (any, error) {
		client, err := l.Pool(m.Workflow).Client(ctx, m.Provider, m.Config)
		if err != nil {
			return nil, err
		}
		return client.Notify(providers.WithOrigin(ctx, providers.Origin{Key: m.Key}), m.With)
	})
}

func (b *bench) tell(key, config string) (engine.Receipt, error) {
	b.t.Helper()
	return tell(b.t.Context(), b.Lane, message(key, config))
}

// queue keeps messages as if a run had left them.
func (b *bench) queue(config string, keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		d, err := b.intent(message(key, config))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := b.Store.Intend(context.Background(), d); err != nil {
			b.t.Fatal(err)
		}
	}
	b.Wake()
}

// running has the loop run until the function that it returns is called.
func (b *bench) running() (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = b.Run(ctx) })
	return func() { cancel(); done.Wait() }
}

// all are the rows, the oldest first, and how many there are in each state.
func (b *bench) all() (list []store.Delivery, counts map[store.State]int) {
	b.t.Helper()
	counts = map[store.State]int{}
	for {
		page, err := b.Store.Deliveries(context.Background(), store.DeliveryFilter{Limit: 1000, Offset: len(list)})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, d := range page {
			counts[d.State]++
		}
		if list = append(list, page...); len(page) < 1000 {
			return list, counts
		}
	}
}

func (b *bench) row(key string) store.Delivery {
	b.t.Helper()
	list, err := b.Store.Deliveries(context.Background(), store.DeliveryFilter{Key: key})
	if err != nil || len(list) != 1 {
		b.t.Fatalf("%s: %d rows, %v", key, len(list), err)
	}
	return list[0]
}

// settled waits until nothing is under way.
func (b *bench) settled() {
	b.t.Helper()
	for range 10_000 {
		over, err := atRest(b.Lane)
		if err != nil {
			b.t.Fatal(err)
		}
		if over {
			return
		}
		time.Sleep(5 * time.Millisecond) // there is no event outside that says so
	}
	_, counts := b.all()
	b.t.Fatalf("it does not come to an end: %v", counts)
}

// atRest says that nothing waits, nothing is being sent, and all that is dead was told of.
func atRest(l *Lane) (bool, error) {
	ctx := context.Background()
	sending, err := l.Store.Deliveries(ctx, store.DeliveryFilter{State: store.Sending})
	if err != nil || len(sending) > 0 {
		return false, err
	}
	for range 2 { // it may have begun to be sent in between
		left, err := l.Store.Backlogs(ctx)
		if err != nil || len(left) > 0 {
			return false, err
		}
		if sending, err = l.Store.Deliveries(ctx, store.DeliveryFilter{State: store.Sending}); err != nil || len(sending) > 0 {
			return false, err
		}
	}
	dead, err := l.Store.Unreported(ctx, 1)
	return len(dead) == 0, err
}

// balanced checks what holds at any time (reliability §7): whatever was accepted is in a
// state, nothing was sent without an attempt that was counted, and somebody was told of
// all that is dead.
func (b *bench) balanced(accepted int, ledgers ...*ledger) {
	b.t.Helper()
	list, counts := b.all()
	digests, attempts := 0, 0
	for _, d := range list {
		attempts += d.Attempts
		if d.Kind == digestKind {
			digests++
		}
		if d.State == store.Confirmed && d.Attempts == 0 {
			b.t.Errorf("%s is confirmed without an attempt", d.Key)
		}
		if d.State == store.Dead {
			b.alerted(d)
		}
	}
	if n := len(list) - digests; n != accepted {
		b.t.Errorf("%d were accepted, and %d are known: %v", accepted, n, counts)
	}
	calls := 0
	for _, l := range ledgers {
		calls += l.requests()
	}
	if calls > attempts {
		b.t.Errorf("%d requests, and %d attempts were counted", calls, attempts)
	}
}

// alerted checks that of a dead message there is an alert.
func (b *bench) alerted(d store.Delivery) {
	b.t.Helper()
	found, err := b.Store.Alert(context.Background(), AlertID(d.Destination))
	if d.Reported.IsZero() || err != nil || found.Alert == nil {
		b.t.Errorf("%s is dead, and nobody was told: reported %v, alert %v, %v", d.Key, d.Reported, found.Alert, err)
	}
}

// raiseIn keeps alerts in a store, as the program does.
func raiseIn(st *store.Store) func(context.Context, map[string]any, bool) error {
	return func(ctx context.Context, alert map[string]any, _ bool) error {
		o, err := engine.NormalizeAlert(alert, time.Now(), alert["fingerprint"].(string))
		if err != nil {
			return err
		}
		_, err = st.Accept(ctx, "tocsin", []*value.Map{o.Map}, nil)
		return err
	}
}

func number(n int) string { return fmt.Sprintf("m%05d", n) }
