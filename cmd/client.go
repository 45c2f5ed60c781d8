package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine/server"
	"tocsin/engine/store"
)

// Commands look at the file of the store, also while "serve" has it; to change something
// they ask the program that serves: by a socket beside the store, which needs nothing to be
// set up, or at --server with a key.

// serverFlag lets the caller name a server elsewhere.
func (s *setup) serverFlag(c *cobra.Command) {
	c.Flags().StringVar(&s.server, "server", "", "address of a server to ask, with the key of TOCSIN_API_KEY (default: TOCSIN_SERVER, else the one on this machine that has the store)")
}

// A client asks a server. Its errors are exitErrors.
type client struct {
	http *http.Client
	base string // http://host:port
	key  string
	name string // as people know it
}

const askTimeout = 2 * time.Minute

// remote is the server that was named; nil: none was.
func (s *setup) remote() (*client, error) {
	address := s.server
	if address == "" {
		address = s.getenv("TOCSIN_SERVER")
	}
	if address == "" {
		return nil, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, usage("write http://127.0.0.1:8080, and the key into TOCSIN_API_KEY", "--server %q is not the address of a server", address)
	}
	key := s.getenv("TOCSIN_API_KEY")
	if key != "" && u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, usage("use https", "the key would go to %s for everybody on the way to read", u.Host)
	}
	return &client{&http.Client{Timeout: askTimeout}, strings.TrimSuffix(u.String(), "/"), key, u.Host}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// socketPath is where the program that has the store answers commands.
func (s *setup) socketPath() string { return filepath.Join(filepath.Dir(s.storePath()), "tocsin.sock") }

// serving is the server to ask: the one that was named, or the one that has the store;
// nil: none does.
func (s *setup) serving(ctx context.Context) (*client, error) {
	if c, err := s.remote(); c != nil || err != nil {
		return c, err
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", s.socketPath())
	if err != nil {
		return nil, nil
	}
	_ = conn.Close() // it was opened to see whether somebody is there
	h := server.SocketClient(s.socketPath())
	h.Timeout = askTimeout
	return &client{http: h, base: "http://tocsin", name: "the program that has " + s.storePath()}, nil
}

// close lets go of connections.
func (c *client) close() {
	if c != nil {
		c.http.CloseIdleConnections()
	}
}

// maxAnswer is how long an answer may be.
const maxAnswer = 64 << 20

// ask sends a request, with in as JSON unless it is nil, and reads the answer into out.
func (c *client) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return broken(err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return broken(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("X-API-KEY", c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.unreachable(err)
	}
	if resp.StatusCode >= 300 {
		return c.refused(resp.StatusCode, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return broken(fmt.Errorf("%s: its answer cannot be read: is it a tocsin?", c.name))
	}
	return nil
}

func (c *client) unreachable(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return broken(fmt.Errorf("%s: %w", c.name, err))
}

// refused is an answer that says no. What the caller asked for wrongly is wrong usage.
func (c *client) refused(status int, body []byte) error {
	e := &exitError{code: exitBroken, err: fmt.Errorf("%s: %d %s", c.name, status, clean(cut(firstLine(detail(body)), 500)))}
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict:
		e.code = exitUsage
	case http.StatusUnauthorized, http.StatusForbidden:
		e.code, e.hints = exitUsage, []string{`put a key that may into TOCSIN_API_KEY: "tocsin keys create", on the machine that serves, makes one`}
	}
	return e
}

// taken says what to do where another program has the store and cannot be asked.
func (s *setup) taken(err error) error {
	var e *exitError
	if errors.As(err, &e) && errors.Is(err, store.ErrTaken) {
		e.hints = append(e.hints,
			"the program that has it cannot be asked by "+s.socketPath()+": is it of an older version, or another user's?",
			"name it with --server http://127.0.0.1:8080, and put a key into TOCSIN_API_KEY; or stop it first")
	}
	return err
}
