package cmd_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tocsin/providers/websocket/echotest"
)

// A feedLog is what the clients of one feed have said.
type feedLog struct {
	mu    sync.Mutex
	lines []string
}

type feedsKey struct{}

// feed VAR MESSAGE... starts a websocket server that sends every client these messages
// and then nothing more, and sets VAR to its address.
func feed(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 2, "usage: feed VAR MESSAGE...")
	heard := ts.Value(feedsKey{}).(map[string]*feedLog)
	l := &feedLog{}
	heard[args[0]] = l
	s := httptest.NewServer(echotest.Feed(0, func(line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, line)
	}, args[1:]...))
	ts.Defer(func() { s.CloseClientConnections(); s.Close() })
	host := strings.TrimPrefix(s.URL, "http://")
	ts.Setenv(args[0], "ws://"+host)
	setHost(ts, args[0], host)
}

// heard VAR TEXT waits until a client of the feed VAR has said something with the text.
func heard(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "usage: heard VAR TEXT")
	l := ts.Value(feedsKey{}).(map[string]*feedLog)[args[0]]
	need(ts, l != nil, "no feed "+args[0])
	eventually(ts, func() string {
		l.mu.Lock()
		defer l.mu.Unlock()
		if slices.ContainsFunc(l.lines, func(line string) bool { return strings.Contains(line, args[1]) }) {
			return ""
		}
		return fmt.Sprintf("nobody said %s: %q", args[1], l.lines)
	})
}

// eventually waits until there is no problem any more.
func eventually(ts *testscript.TestScript, problem func() string) {
	for deadline := time.Now().Add(20 * time.Second); ; {
		text := problem()
		if text == "" {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s", text)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// hears NAME N waits until the Slack server NAME has taken N messages.
func hears(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "usage: hears NAME N")
	s := ts.Value(slacksKey{}).(*slacks).byName[args[0]]
	need(ts, s != nil, "no slack server "+args[0])
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	eventually(ts, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.texts) >= n {
			return ""
		}
		return fmt.Sprintf("%s was told %d times, not %d", args[0], len(s.texts), n)
	})
}

// terminate sends SIGTERM to what was started in the background last.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	all := ts.BackgroundCmds()
	need(ts, !neg && len(args) == 0 && len(all) > 0, "usage: terminate")
	ts.Check(all[len(all)-1].Process.Signal(syscall.SIGTERM))
}
