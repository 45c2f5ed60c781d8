package server

import (
	"net"
	"strings"
	"testing"
	"time"
)

func dial(t testing.TB, w *world) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(t, err)
	must(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return conn
}
