package providertest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Behaviour is a way in which an HTTP server can go wrong (fault P1).
type Behaviour string

// Behaviours lists them all.
const (
	Hang      Behaviour = "hang"       // takes the request and says nothing
	Drip      Behaviour = "drip"       // a byte of the body now and then, without end
	DripHead  Behaviour = "drip head"  // the same, but of the headers
	Endless   Behaviour = "endless"    // a body without end, as fast as it can
	Reset     Behaviour = "reset"      // resets the connection after the request
	Close     Behaviour = "close"      // closes the connection after the request
	Truncated Behaviour = "truncated"  // ends in the middle of the body
	Bomb      Behaviour = "bomb"       // 64 KiB of gzip that are 64 MiB
	Garbage   Behaviour = "garbage"    // an answer that is not HTTP
	HeadFlood Behaviour = "head flood" // headers without end
	Redirects Behaviour = "redirects"  // to itself, for ever
	BadTLS    Behaviour = "bad TLS"    // a certificate of nobody, for another name
	NoTLS     Behaviour = "no TLS"     // https, but the server does not speak TLS
	Refuse    Behaviour = "refuse"     // nobody listens
)

// Behaviours are all that Hostile knows.
func Behaviours() []Behaviour {
	return []Behaviour{Hang, Drip, DripHead, Endless, Reset, Close, Truncated, Bomb, Garbage, HeadFlood, Redirects, BadTLS, NoTLS, Refuse}
}

// Hostile starts a server on a loopback address that behaves so, and returns its URL.
// It ends with the test, and its connections with it.
func Hostile(t testing.TB, b Behaviour) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme := "http"
	switch b {
	case BadTLS:
		scheme = "https"
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	case NoTLS:
		scheme = "https"
	case Refuse:
		l.Close()
		return "http://" + l.Addr().String()
	case Bomb:
		bomb() // packed before the clock of a request runs
	}
	h := &hostile{behaviour: b, stop: make(chan struct{})}
	h.wg.Go(func() { h.accept(l) })
	t.Cleanup(func() {
		close(h.stop)
		l.Close()
		h.wg.Wait()
	})
	return scheme + "://" + l.Addr().String()
}

type hostile struct {
	behaviour Behaviour
	stop      chan struct{}
	wg        sync.WaitGroup
}

func (h *hostile) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		h.wg.Go(func() { h.serve(conn) })
	}
}

// serve answers one request and closes the connection, at the latest when the test
// ends.
func (h *hostile) serve(conn net.Conn) {
	defer conn.Close()
	over := make(chan struct{})
	defer close(over)
	h.wg.Go(func() {
		select {
		case <-h.stop:
			conn.Close()
		case <-over:
		}
	})
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil && h.behaviour != NoTLS {
		return
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(req.Body, 16<<20))
	}
	h.answer(conn)
}

func (h *hostile) answer(conn net.Conn) {
	switch h.behaviour {
	case Hang:
		h.wait(conn)
	case Drip:
		send(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
		h.drip(conn)
	case DripHead:
		send(conn, "HTTP/1.1 200 OK\r\nX-Slow: ")
		h.drip(conn)
	case Endless:
		send(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
		for send(conn, strings.Repeat("endless ", 8<<10)) {
		}
	case Reset:
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	case Truncated:
		send(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"half\": ")
	case Bomb:
		zipped := bomb()
		send(conn, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(zipped)))
		send(conn, string(zipped))
	case Garbage, NoTLS:
		send(conn, "220 mail.example.com ESMTP ready\r\n")
	case HeadFlood:
		send(conn, "HTTP/1.1 200 OK\r\n")
		for i := 0; send(conn, fmt.Sprintf("X-Flood-%d: %s\r\n", i, strings.Repeat("x", 4<<10))); i++ {
		}
	case Redirects:
		send(conn, "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}
}

// wait holds the connection until the other side or the test ends it.
func (h *hostile) wait(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn)
}

func (h *hostile) drip(conn net.Conn) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !send(conn, ".") {
				return
			}
		case <-h.stop:
			return
		}
	}
}

func send(conn net.Conn, text string) bool {
	_, err := io.WriteString(conn, text)
	return err == nil
}

// bomb is 64 MiB of spaces, packed once for all tests: packing them takes seconds under
// the race detector.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	for range 64 {
		_, _ = z.Write(spaces)
	}
	_ = z.Close()
	return b.Bytes()
})

// certificate is self-signed, for a name that nobody asks for, and over.
func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "elsewhere.example"},
		DNSNames:     []string{"elsewhere.example"},
		NotBefore:    now().AddDate(-2, 0, 0),
		NotAfter:     now().AddDate(-1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
