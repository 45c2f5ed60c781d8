package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// Commands of the program ask one that serves on the same machine by a socket beside its
// store: who may read and write that file may do so, and nobody else can open it. There is
// nothing to set up, and no key to leave lying about. Browsers cannot reach it.

type socketKey struct{}

// marked is the context of a connection, which knows if it came by the socket.
func marked(ctx context.Context, conn net.Conn) context.Context {
	if conn.LocalAddr().Network() == "unix" {
		return context.WithValue(ctx, socketKey{}, true)
	}
	return ctx
}

// onSocket says that a request came by the socket.
func onSocket(ctx context.Context) bool { return ctx.Value(socketKey{}) != nil }

// openSocket listens on the socket; nil: there is none. One that cannot be is no reason not
// to serve: the commands say what to do then.
func (s *Server) openSocket() net.Listener {
	if s.Listen.Socket == "" {
		return nil
	}
	l, err := bindSocket(s.Listen.Socket)
	if err != nil {
		s.Log.Warn("commands on this machine cannot ask this program without --server and a key", "socket", s.Listen.Socket, "problem", err)
		return nil
	}
	return l
}

// maxSocketPath is how long the name of a socket may be everywhere: BSD's limit is the
// least.
const maxSocketPath = 103

// bindSocket makes the socket in a folder that is only ours, and puts it in its place when
// nobody else may open it. One that is there is of a program that died: two do not have
// one store.
func bindSocket(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("its name is longer than %d bytes", maxSocketPath)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	fresh := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(fresh, 0o600)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return &socket{l, path}, nil
}

// A socket takes its file away when it is closed.
type socket struct {
	net.Listener
	path string
}

func (s *socket) Close() error {
	_ = os.Remove(s.path) // it is gone, or another's who cannot be there
	return s.Listener.Close()
}

// SocketClient is an HTTP client that asks the program whose socket that is. Requests are
// for http://tocsin.
func SocketClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
}
