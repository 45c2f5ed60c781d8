package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tocsin/providers/mock"
	"tocsin/templating/value"
)

// An outbox is a Deliverer that does what a test says.
type outbox func(context.Context, Message, func(context.Context) (any, error)) (Receipt, error)

func (o outbox) Deliver(ctx context.Context, m Message, send func(context.Context) (any, error)) (Receipt, error) {
	return o(ctx, m, send)
}

func runWith(t *testing.T, text string, d Deliverer) *Result {
	p, pool := compile(t, text, mock.Provider)
	r := Runner{Pool: pool, Deliver: d, Sleep: func(context.Context, time.Duration) error { return nil }}
	return r.Run(t.Context(), p, Input{Run: "r1", Trigger: "manual"})
}

const tells = `
workflow:
  id: disk
  severity: critical
  actions:
    - name: tell
      retry: {count: 1, interval: 1s}
      provider: {type: mock, with: {enrich: {a: 1}, answer: "hello"}}
      expect: ["{{ results.missing }} == 1"]
`

func TestAMessageIsHandedOn(t *testing.T) {
	var got Message
	r := runWith(t, tells, outbox(func(_ context.Context, m Message, _ func(context.Context) (any, error)) (Receipt, error) {
		got = m
		return Receipt{State: "pending", Next: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Reason: "the channel is down"}, nil
	}))
	s := r.Steps[0]
	if r.Status != Done || s.Status != Done || s.Reason != "queued: will be tried again at 2026-01-02 03:04:05: the channel is down" {
		t.Errorf("%s: %s %q: %v", r.Status, s.Status, s.Reason, r.Err)
	}
	want := `{"delivery": {"key": "` + got.Key + `", "state": "pending", "next": "2026-01-02T03:04:05Z"}}`
	if text := string(value.AppendJSON(nil, s.Output)); strings.ReplaceAll(text, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("it gives %s, want %s", text, want)
	}
	if got.Workflow != "disk" || got.Action != "tell" || got.Provider != "mock" || got.Severity != "critical" || len(got.Key) != 32 || s.With == nil {
		t.Errorf("handed on: %+v; shown: %v", got, s.With)
	}
}

// The author's retries come first, one attempt each, and each is told of.
func TestTheAuthorsRetriesComeFirst(t *testing.T) {
	attempts := 0
	r := runWith(t, tells, outbox(func(ctx context.Context, m Message, send func(context.Context) (any, error)) (Receipt, error) {
		for {
			_, err := send(ctx)
			attempts++
			if err != nil {
				t.Errorf("mock fails: %v", err)
			}
			if !m.Again(ctx, errors.New("no")) {
				return Receipt{State: "unknown", Reason: "no"}, nil
			}
		}
	}))
	if s := r.Steps[0]; attempts != 2 || s.Retries != 1 || s.Reason != "unknown: no" {
		t.Errorf("%d attempts, %d retries, %q", attempts, s.Retries, s.Reason)
	}
}

func TestAMessageThatIsRefusedBreaksTheStep(t *testing.T) {
	refused := errors.New("no such channel")
	r := runWith(t, tells, outbox(func(context.Context, Message, func(context.Context) (any, error)) (Receipt, error) {
		return Receipt{}, refused
	}))
	if s := r.Steps[0]; s.Status != Broken || !errors.Is(s.Err, refused) {
		t.Errorf("%s: %v", s.Status, s.Err)
	}
}
