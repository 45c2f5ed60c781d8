package websocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"tocsin/providers"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A listening is a subscription in the hands of a test.
type listening struct {
	t      testing.TB
	events chan Event
	cancel context.CancelFunc
	ended  chan error
}

// listen subscribes with parameters in YAML. What comes is in events; do, if it is not
// nil, is asked what to make of each.
func listen(t testing.TB, yaml string, do func(Event) error) *listening {
	t.Helper()
	return listenWith(t, testClient, yaml, do)
}

func listenWith(t testing.TB, c client, yaml string, do func(Event) error) *listening {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &listening{t: t, events: make(chan Event, 10000), cancel: cancel, ended: make(chan error, 1)}
	p := subscribed(t, yaml)
	go func() {
		l.ended <- c.listen(ctx, &p, func(i *item) error {
			e := i.event()
			select {
			case l.events <- e:
			default: // so many that nobody asks for them one by one
			}
			if do != nil {
				return do(e)
			}
			return nil
		})
		close(l.ended)
	}()
	t.Cleanup(func() { cancel(); <-l.ended })
	return l
}

// listen is Subscribe with events as they are here: as they came.
func (c *client) listen(ctx context.Context, p *Subscription, emit func(*item) error) error {
	s, err := c.subscription(p)
	if err != nil {
		return err
	}
	s.emit = emit
	return s.run(ctx)
}

// subscribed reads parameters as a workflow has them.
func subscribed(t testing.TB, yaml string) Subscription {
	t.Helper()
	var p Subscription
	decode(t, yaml, &p)
	return p
}

// next is the next event in short: "message a", "closed closed_by_peer".
func (l *listening) next() string {
	l.t.Helper()
	e, ok := l.await()
	if !ok {
		return "nothing"
	}
	return short(e)
}

func (l *listening) await() (Event, bool) {
	l.t.Helper()
	select {
	case e := <-l.events:
		return e, true
	case err := <-l.ended:
		select { // what was emitted just before
		case e := <-l.events:
			return e, true
		default:
		}
		l.t.Errorf("the subscription has ended: %v", err)
	case <-time.After(10 * time.Second):
		l.t.Error("nothing came")
	}
	return Event{}, false
}

// stop ends the subscription and returns its error.
func (l *listening) stop() error {
	l.cancel()
	return <-l.ended
}

func short(e Event) string {
	parts := []string{string(e.Kind)}
	if e.Data != nil {
		parts = append(parts, *e.Data)
	}
	if e.Error != nil {
		parts = append(parts, e.Error.Code)
	}
	return strings.Join(parts, " ")
}

// expect checks the next events.
func (l *listening) expect(all ...string) {
	l.t.Helper()
	for _, want := range all {
		if got := l.next(); got != want {
			l.t.Errorf("got %q, want %q", got, want)
			return
		}
	}
}

// Every message is an event, in order, with all that is known of it.
func TestSubscribe(t *testing.T) {
	address := serve(t, hello(text("hi"), frame(fin|opBinary, "\xff\x00"), text(`{"a": 1}`)))
	l := listen(t, "url: ws://u:p@"+address+"/feed?token=x", nil)
	first, _ := l.await()
	want(t, "data", *first.Data, "hi")
	want(t, "kind", first.Kind, "message")
	want(t, "provider", first.Provider, "websocket")
	want(t, "url", first.URL, "ws://"+address+"/feed?token=***")
	shown, _ := first.Tags.Get("url")
	want(t, "tags", []any{first.Tags.Len(), shown}, []any{1, first.URL})
	want(t, "seq", first.Seq, 1)
	want(t, "size", first.Size, 2)
	want(t, "json", first.JSON, nil)
	if at, err := time.Parse(time.RFC3339Nano, first.ReceivedAt); err != nil || time.Since(at) > time.Minute {
		t.Errorf("received at %s", first.ReceivedAt)
	}
	second, _ := l.await()
	want(t, "binary", []any{*second.Data, *second.DataEncoding, *second.Type}, []any{"/wA=", "base64", "binary"})
	third, _ := l.await()
	want(t, "json", fmt.Sprint(third.JSON), fmt.Sprint(message(1, []byte(`{"a": 1}`), 0, 100).json))
	if !(first.ID < second.ID && second.ID < third.ID) || len(first.ID) != 26 {
		t.Errorf("ids %s, %s, %s", first.ID, second.ID, third.ID)
	}
	want(t, "one connection", third.ConnectionID, first.ConnectionID)
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

// As the engine has them: every key is there, and the events of one address are one
// alert.
func TestSubscribeThroughTheProvider(t *testing.T) {
	address := serve(t, hello(text("hi")))
	c, err := Provider.Open(t.Context(), source.Value{}, providers.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v, err := source.Parse("with.yaml", []byte("url: ws://"+address))
	if err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	var got providers.Alert
	err = c.Subscribe(t.Context(), v, func(a providers.Alert) error {
		got = a
		return enough
	})
	if !errors.Is(err, enough) {
		t.Errorf("ended with %v", err)
	}
	want(t, "name", got.Name, "ws://"+address)
	want(t, "source", got.Source, []string{"websocket"})
	for _, f := range schema.Of[Event]().Fields() {
		if _, ok := got.Fields[f.Name]; !ok {
			t.Errorf("there is no %s", f.Name)
		}
	}
	want(t, "data", got.Fields["data"], "hi")
	want(t, "error", got.Fields["error"], nil)
}

// A mistake of ours while connecting is found where every other is: by whoever called.
func TestConnectingPanics(t *testing.T) {
	p := subscribed(t, "url: ws://h\nproxy_url: direct")
	s, err := testClient.subscription(&p)
	if err != nil {
		t.Fatal(err)
	}
	s.reach = func(context.Context) (net.Conn, error) { panic("no way") }
	defer func() { want(t, "panic", recover(), "no way") }()
	_ = s.run(t.Context())
	t.Error("it did not panic")
}
