package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// A server takes clients in, says hello to each, and drops all of them when it is told to.
type server struct {
	http  *http.Server
	where string

	mu      sync.Mutex
	conns   map[*websocket.Conn]bool
	dropped time.Time       // zero: not yet
	back    []time.Duration // since then
}

// serve says where it listens, then does what it is told, until nobody does any more.
func serve(address string, in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := &server{where: l.Addr().String(), conns: map[*websocket.Conn]bool{}}
	s.listen(l)
	fmt.Fprintln(out, s.where)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var n int
		var away string
		if _, err := fmt.Sscanf(lines.Text(), "drop %d %s", &n, &away); err != nil {
			return err
		}
		d, err := time.ParseDuration(away)
		if err == nil {
			err = s.drop(n, d, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *server) listen(l net.Listener) {
	s.http = &http.Server{Handler: http.HandlerFunc(s.accept)}
	go func() { _ = s.http.Serve(l) }()
}

func (s *server) accept(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.conns[c] = true
	if !s.dropped.IsZero() {
		s.back = append(s.back, time.Since(s.dropped))
	}
	s.mu.Unlock()
	ctx := context.Background() // the request's ends with the listener
	_ = c.Write(ctx, websocket.MessageText, []byte("hello"))
	for err == nil {
		_, _, err = c.Read(ctx) // and answers pings
	}
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	c.CloseNow()
}

// drop ends all connections, goes away for some time, and says when n are back.
func (s *server) drop(n int, away time.Duration, out io.Writer) error {
	if away > 0 {
		s.http.Close()
	}
	s.mu.Lock()
	s.dropped = time.Now()
	conns := s.conns
	s.conns = map[*websocket.Conn]bool{}
	s.mu.Unlock()
	for c := range conns {
		go c.CloseNow()
	}
	if away > 0 {
		time.Sleep(away)
		l, err := net.Listen("tcp", s.where)
		if err != nil {
			return err
		}
		s.listen(l)
	}
	for s.count() < n && time.Since(s.dropped) < 2*goalReconnect {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintln(out, s.histogram(n))
	return nil
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.back)
}

// histogram shows how many came back in each span of time, in lines that "|" is between.
func (s *server) histogram(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.back)
	last := s.back[len(s.back)-1]
	span := 100 * time.Millisecond
	for last > 25*span {
		span *= 2
	}
	bins := make([]int, last/span+1)
	for _, d := range s.back {
		bins[d/span]++
	}
	var lines []string
	most := slices.Max(bins)
	for i, k := range bins {
		if k > 0 || len(lines) > 0 {
			lines = append(lines, fmt.Sprintf("%6v %6d %s", time.Duration(i)*span, k, strings.Repeat("#", (50*k+most-1)/most)))
		}
	}
	return strings.Join(append(lines, fmt.Sprintf("%d of %d back, half of them after %v, the last after %v; %d in the fullest tenth of a second",
		len(s.back), n, s.back[len(s.back)/2].Round(time.Millisecond), last.Round(time.Millisecond), s.fullest())), "|")
}

// fullest is how many came in the tenth of a second in which most did.
func (s *server) fullest() (most int) {
	first := 0
	for i, d := range s.back {
		for d-s.back[first] > 100*time.Millisecond {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
