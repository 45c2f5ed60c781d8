package websocket

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"tocsin/providers"
	"tocsin/templating/value"
)

// mirror is a server that shows what its clients say, and says it back to them.
func mirror(m providers.Mirror) (http.Handler, error) {
	switch {
	case m.Close != 0 && !onWire(m.Close):
		return nil, invalid("there is no close code %d: 1000 to 1003, 1007 to 1014 and 3000 to 4999 can be sent", m.Close)
	case len(m.Reason) > maxControl-2 || !utf8.ValidString(m.Reason):
		return nil, invalid("the reason of a close frame is UTF-8 of at most 123 bytes")
	}
	return &mirrored{Mirror: m}, nil
}

// A mirrored is a mirror that is served.
type mirrored struct {
	providers.Mirror
	mu  sync.Mutex
	num int // connections so far
}

// A reflection is one connection of a mirror.
type reflection struct {
	*mirrored
	num  int
	mask *providers.Masker // hides what the request has that is secret
}

// ServeHTTP serves one connection until either side closes it.
func (m *mirrored) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.num++
	c := &reflection{mirrored: m, num: m.num, mask: providers.NewMasker(requestSecrets(r)...)}
	m.mu.Unlock()
	c.see(providers.Frame{Kind: "open", Facts: requestFacts(r)})
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any origin may look into this mirror
		Subprotocols:       offered(r),
		OnPingReceived: func(_ context.Context, data []byte) bool {
			c.see(providers.Frame{Kind: "ping", Data: slices.Clone(data), Size: len(data)})
			c.see(providers.Frame{Sent: true, Kind: "pong", Data: slices.Clone(data), Size: len(data)})
			return true
		},
		OnPongReceived: func(_ context.Context, data []byte) {
			c.see(providers.Frame{Kind: "pong", Data: slices.Clone(data), Size: len(data)})
		},
	})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(defaultMessage)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	left := make(chan goodbye, 1)
	go func() {
		select {
		case <-m.Done:
			c.see(providers.Frame{Sent: true, Kind: "close", Code: 1001, Size: 2})
			left <- goodbye{said: true, answered: conn.Close(1001, "") == nil}
		case <-ctx.Done():
			left <- goodbye{}
		}
	}()
	err = c.reflect(ctx, conn)
	cancel()
	if ours := <-left; err != nil {
		c.ended(err, ours)
	}
}

// A goodbye is one that we say while somebody reads.
type goodbye struct{ said, answered bool }

// reflect answers until the connection ends; nil: we have closed it.
func (c *reflection) reflect(ctx context.Context, conn *websocket.Conn) error {
	if c.Close != 0 && c.Silent {
		c.close(conn, c.Close, c.Reason)
		return nil
	}
	for {
		typ, data, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		c.see(providers.Frame{Kind: typeName(typ), Data: data, Size: len(data)})
		if !c.Silent {
			c.see(providers.Frame{Sent: true, Kind: typeName(typ), Data: data, Size: len(data)})
			if conn.Write(ctx, typ, data) != nil {
				continue // reading knows why
			}
		}
		if c.Close != 0 {
			c.close(conn, c.Close, c.Reason)
			return nil
		}
	}
}

// close says goodbye, and shows the answer.
func (c *reflection) close(conn *websocket.Conn, code int, reason string) {
	c.see(providers.Frame{Sent: true, Kind: "close", Code: code, Reason: reason, Size: 2 + len(reason)})
	err := conn.Close(websocket.StatusCode(code), reason)
	if err == nil { // the peer has answered with the same code
		c.see(providers.Frame{Kind: "close", Code: code, Size: 2})
	}
}

// ended shows how the client went. Its answer to our goodbye is seen by who reads, or
// by who said it: then reading finds the connection closed.
func (c *reflection) ended(err error, ours goodbye) {
	f := providers.Frame{Kind: "close", Code: 1006}
	closed, ok := errors.AsType[websocket.CloseError](err)
	switch {
	case !ok && ours.answered && errors.Is(err, net.ErrClosed):
		f.Code, f.Size = 1001, 2
	case !ok && ours.said:
		return
	}
	if ok {
		f.Code, f.Reason = int(closed.Code), strings.ToValidUTF8(closed.Reason, "\uFFFD")
		if f.Size = 2 + len(closed.Reason); f.Code == 1005 {
			f.Size = 0
		}
	}
	c.see(f)
}

func (c *reflection) see(f providers.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.At, f.Session = time.Now(), c.num
	if c.mask != nil {
		f.Data = []byte(c.mask.Mask(string(f.Data)))
		f.Reason = c.mask.Mask(f.Reason)
	}
	c.See(f)
}

// requestFacts are what a request says, without what is secret in it.
func requestFacts(r *http.Request) *value.Map {
	headers := value.NewMap(len(r.Header))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		text := strings.Join(r.Header[name], ", ")
		switch {
		case hiddenHeader(name):
			text = "***"
		case name == "Sec-Websocket-Protocol":
			text = strings.Join(shortened(offered(r)), ", ")
		}
		headers.Set(name, strings.ToValidUTF8(text, "\uFFFD"))
	}
	return value.MapOf(
		value.Entry{Key: "method", Value: r.Method},
		value.Entry{Key: "url", Value: redact(*r.URL)},
		value.Entry{Key: "host", Value: r.Host},
		value.Entry{Key: "protocol", Value: r.Proto},
		value.Entry{Key: "remote_addr", Value: r.RemoteAddr},
		value.Entry{Key: "headers", Value: headers},
	)
}

// hiddenHeader says that a header's value is not shown. The key of the handshake is none
// that opens anything.
func hiddenHeader(name string) bool {
	return looksSecret(name) && !strings.HasPrefix(name, "Sec-Websocket-")
}

// longestProtocol is how long a subprotocol's name is at most: what is longer is a token
// that travels as one, as browsers have to send theirs.
const longestProtocol = 32

func shortened(protocols []string) []string {
	for i, name := range protocols {
		if len(name) > longestProtocol {
			protocols[i] = "***"
		}
	}
	return protocols
}

// requestSecrets are the texts of a request that must not be shown.
func requestSecrets(r *http.Request) []string {
	var all []string
	for name, lines := range r.Header {
		if !hiddenHeader(name) {
			continue
		}
		for _, line := range lines {
			_, credentials, _ := strings.Cut(line, " ")
			all = append(all, line, credentials)
			for part := range strings.SplitSeq(line, ";") { // of cookies
				_, v, _ := strings.Cut(part, "=")
				all = append(all, strings.TrimSpace(v))
			}
		}
	}
	if user, password, ok := r.BasicAuth(); ok {
		all = append(all, password, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	for _, name := range offered(r) {
		if len(name) > longestProtocol {
			all = append(all, name)
		}
	}
	secret := notes{}
	secret.hideAddress(r.URL.RawQuery)
	return append(all, secret.secrets...)
}

// offered are the subprotocols that a client would take: the mirror speaks them all.
func offered(r *http.Request) []string {
	var all []string
	for _, line := range r.Header["Sec-Websocket-Protocol"] {
		for name := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(name))
		}
	}
	return all
}
