package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"tocsin/engine/store"
)

// A feed wakes those who watch a run when something happens in it. What happened they
// read from the store, which has it a moment later.
type feed struct {
	mu       sync.Mutex
	watchers map[string]map[chan struct{}]struct{} // by run
	count    int
	end      <-chan struct{} // closed when the server ends; nil: never
}

func (f *feed) tell(run string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers[run] {
		select {
		case w <- struct{}{}:
		default: // it is awake already
		}
	}
}

// watch is woken until left is called. It is nil where there are as many as there may be.
func (f *feed) watch(run string, most int) (woken chan struct{}, left func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count >= most {
		return nil, nil
	}
	if f.watchers == nil {
		f.watchers = map[string]map[chan struct{}]struct{}{}
	}
	if f.watchers[run] == nil {
		f.watchers[run] = map[chan struct{}]struct{}{}
	}
	woken = make(chan struct{}, 1)
	f.watchers[run][woken] = struct{}{}
	f.count++
	return woken, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.count--
		delete(f.watchers[run], woken)
		if len(f.watchers[run]) == 0 {
			delete(f.watchers, run)
		}
	}
}

const (
	settle    = 150 * time.Millisecond // from when something happens until it is on disk, about
	lookEvery = 2 * time.Second        // at the latest
	aliveEach = 15 * time.Second       // a comment, so that who is between does not think nobody is there
	trustFor  = time.Minute            // how long a stream believes that its key is still good
)

// runEvents is what happened in a run, as a list or as a stream.
func runEvents(c *call) (any, error) {
	id := c.PathValue("id")
	if !strings.Contains(c.Header.Get("Accept"), "text/event-stream") {
		if _, _, err := c.s.Store.Run(c.Context(), id); err != nil {
			return nil, c.waiting(err)
		}
		list, err := c.events(id, 0)
		return list, err
	}
	after, err := lastEvent(c)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.s.Store.Run(c.Context(), id); err != nil && c.waiting(err) == err {
		return nil, err
	}
	woken, left := c.s.feed.watch(id, c.s.Limits.Streams)
	if woken == nil {
		return nil, later(http.StatusServiceUnavailable, 10*time.Second, "%d streams are open already", c.s.Limits.Streams)
	}
	defer left()
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{}) // it would end the stream
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.WriteHeader(http.StatusOK)
	st := &stream{call: c, run: id, after: after, woken: woken}
	st.follow()
	return streamed{}, nil
}

// lastEvent is the event after which a stream goes on, which a browser says by itself.
func lastEvent(c *call) (int, error) {
	text := c.Header.Get("Last-Event-Id")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, refuse(http.StatusBadRequest, "Last-Event-ID %q is not the number of an event", short(text))
	}
	return n, nil
}

// events are those after the first so many.
func (c *call) events(run string, after int) ([]eventView, error) {
	all, err := c.s.Store.Events(c.Context(), run)
	list := []eventView{}
	for i := min(after, len(all)); i < len(all); i++ {
		list = append(list, viewEvent(i+1, all[i]))
	}
	return list, err
}

// A stream is somebody who watches a run.
type stream struct {
	*call
	run   string
	after int
	woken <-chan struct{}
}

var errGone = errors.New("the one who watched is gone")

// follow writes events until the run is over, or nobody watches any more.
func (st *stream) follow() {
	alive, trusted := time.NewTicker(aliveEach), time.NewTicker(trustFor)
	defer alive.Stop()
	defer trusted.Stop()
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-st.Context().Done():
			return
		case <-st.s.feed.end:
			return
		case <-trusted.C:
			if st.s.guard.identify(st.call) != nil || !st.who.can(st.route.needs) {
				return
			}
		case <-alive.C:
			if st.write([]byte(": alive\n\n")) != nil {
				return
			}
		case <-st.woken:
			look.Reset(settle)
		case <-look.C:
			if over, err := st.tell(); over || err != nil {
				return
			}
			look.Reset(lookEvery)
		}
	}
}

// tell writes what is new, and says whether the run is over.
func (st *stream) tell() (over bool, err error) {
	r, _, err := st.s.Store.Run(st.Context(), st.run)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	begun := err == nil
	list, err := st.events(st.run, st.after)
	if err != nil {
		return false, err
	}
	var buf bytes.Buffer
	for _, e := range list {
		text, err := json.Marshal(e)
		if err != nil {
			return false, err
		}
		fmt.Fprintf(&buf, "id: %d\nevent: %s\ndata: %s\n\n", e.No, e.Event, text)
	}
	st.after += len(list)
	if over = begun && r.Status != store.Running; over {
		text, _ := json.Marshal(viewRun(r))
		fmt.Fprintf(&buf, "event: over\ndata: %s\n\n", text)
	}
	return over, st.write(buf.Bytes())
}

// write sends something now.
func (st *stream) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	control := http.NewResponseController(st.w)
	_ = control.SetWriteDeadline(time.Now().Add(st.s.Limits.Body)) // a recorder has none
	if _, err := st.w.Write(b); err != nil {
		return errGone
	}
	return control.Flush()
}
