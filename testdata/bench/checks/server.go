package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"tocsin/providers/slack/webhooktest"
)

// A server is what is checked and told: an echo, an endpoint that refuses every other
// time, and a stand-in of Slack.
type server struct {
	Echo  string // URL
	Flip  string // URL; a name is to be added
	Slack string // URL of a webhook

	echoes  atomic.Int64
	mu      sync.Mutex
	refused map[string]time.Time // by name: when it was refused, and nobody was told yet
	up      map[string]bool      // by name: it is refused the next time
	told    []float64            // ms from a refusal to the message
	got     map[string]int64     // by text: when Slack had it, in ns since 1970
}

// serve answers until nobody tells it anything any more.
func serve(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &server{refused: map[string]time.Time{}, up: map[string]bool{}, got: map[string]int64{}}
	s.Echo = "ws://" + l.Addr().String() + "/echo"
	s.Flip = "ws://" + l.Addr().String() + "/flip/"
	s.Slack = "http://" + l.Addr().String() + "/services/T0/B0/x"
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", s.echo)
	mux.HandleFunc("/flip/", s.flip)
	mux.Handle("/services/", webhooktest.New(webhooktest.Options{Sent: s.sent}))
	go func() { _ = http.Serve(l, mux) }()
	return obey(in, out, s.obey)
}

func (s *server) obey(words string) (any, error) {
	switch words {
	case "echoes": // so far
		return s.echoes.Load(), nil
	case "told": // since it was asked last
		s.mu.Lock()
		defer s.mu.Unlock()
		list := s.told
		s.told = nil
		return list, nil
	case "got": // since it was asked last
		s.mu.Lock()
		defer s.mu.Unlock()
		all := s.got
		s.got = map[string]int64{}
		return all, nil
	}
	return s, nil
}

// echo sends every message back until the client closes.
func (s *server) echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		s.echoes.Add(1)
		if err := c.Write(r.Context(), kind, data); err != nil {
			return
		}
	}
}

// flip refuses every other time.
func (s *server) flip(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/flip/")
	s.mu.Lock()
	refuse := s.up[name]
	s.up[name] = !refuse
	if refuse {
		s.refused[name] = time.Now()
	}
	s.mu.Unlock()
	if refuse {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	s.echo(w, r)
}

// sent notes when Slack has a message. Its first word is the name of an endpoint, or of
// an alert.
func (s *server) sent(m webhooktest.Message) {
	now := time.Now()
	name, _, _ := strings.Cut(m.Text, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.refused[name]; ok {
		s.told = append(s.told, float64(now.Sub(at).Microseconds())/1000)
		delete(s.refused, name)
	}
	s.got[name] = now.UnixNano()
}
