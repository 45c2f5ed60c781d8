package cmd_test

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tocsin/providers/websocket/echotest"
)

// feed VAR MESSAGE... starts a websocket server that sends every client these messages
// and then nothing more, and sets VAR to its address.
func feed(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 2, "usage: feed VAR MESSAGE...")
	s := httptest.NewServer(echotest.Feed(0, nil, args[1:]...))
	ts.Defer(func() { s.CloseClientConnections(); s.Close() })
	host := strings.TrimPrefix(s.URL, "http://")
	ts.Setenv(args[0], "ws://"+host)
	setHost(ts, args[0], host)
}

// hears NAME N waits until the Slack server NAME has taken N messages.
func hears(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "usage: hears NAME N")
	s := ts.Value(slacksKey{}).(*slacks).byName[args[0]]
	need(ts, s != nil, "no slack server "+args[0])
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for deadline := time.Now().Add(20 * time.Second); ; {
		s.mu.Lock()
		got := len(s.texts)
		s.mu.Unlock()
		switch {
		case got >= n:
			return
		case time.Now().After(deadline):
			ts.Fatalf("%s was told %d times, not %d", args[0], got, n)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// terminate sends SIGTERM to what was started in the background last.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	all := ts.BackgroundCmds()
	need(ts, !neg && len(args) == 0 && len(all) > 0, "usage: terminate")
	ts.Check(all[len(all)-1].Process.Signal(syscall.SIGTERM))
}
