package cmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"tocsin/providers"
)

// listening says how to be a server.
type listening struct {
	address     string // "": it is a client that is wanted
	certificate string
	key         string
	silent      bool
	close       string // code and reason
}

// goodbyeTime is how long clients have to answer our goodbye.
const goodbyeTime = 2 * time.Second

// serve is a server until a signal ends it.
func (w *wsCommand) serve(ctx context.Context) error {
	out := &shower{w: w.stdout, style: w.style(w.stdout).Color, form: w.form, mask: func(text string) string { return text }, terminal: isTerminal(w.stdout), several: true}
	serving, enough := context.WithCancel(ctx)
	defer enough()
	seen := 0
	m := providers.Mirror{Silent: w.silent, Done: serving.Done(), See: func(f providers.Frame) {
		out.show(f)
		if (f.Kind == "text" || f.Kind == "binary") && !f.Sent {
			if seen++; seen == w.count {
				enough()
			}
		}
	}}
	if w.close != "" {
		f, err := closeFrame(w.close)
		if err != nil {
			return usage("", "--close: %v", err)
		}
		m.Close, m.Reason = f.Code, f.Reason
	}
	handler, err := w.provider.Mirror(m)
	if err != nil {
		return usage("", "--close: %v", err)
	}
	l, scheme, err := w.listener(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.stderr, "tocsin: listening on %s://%s\n", scheme, l.Addr())
	var clients sync.WaitGroup
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			clients.Add(1)
			defer clients.Done()
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(quietly{w.stderr}, "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return broken(err)
	case <-serving.Done():
	}
	_ = server.Close() // of nobody who talks: those are said goodbye to
	gone := make(chan struct{})
	go func() {
		clients.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(goodbyeTime):
	}
	if ctx.Err() != nil && !terminated(ctx) {
		return &exitError{code: exitInterrupted}
	}
	return nil
}

// listener listens, in the clear or with the certificate that was given.
func (w *wsCommand) listener(ctx context.Context) (net.Listener, string, error) {
	address := w.address
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	if strings.HasPrefix(address, ":") {
		address = "127.0.0.1" + address // whoever wants the world to come in says so
	}
	if (w.certificate == "") != (w.key == "") {
		return nil, "", usage("", "--cert and --key belong together")
	}
	var config *tls.Config
	if w.certificate != "" {
		pair, err := tls.LoadX509KeyPair(w.certificate, w.key)
		if err != nil {
			return nil, "", usage("", "--cert: %v", err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	}
	var how net.ListenConfig
	l, err := how.Listen(ctx, "tcp", address)
	if err != nil {
		if _, ok := errors.AsType[*net.AddrError](err); ok {
			return nil, "", usage("write --listen 8080, or --listen 0.0.0.0:8080 for everybody", "--listen %s: %v", w.address, err)
		}
		return nil, "", broken(err)
	}
	if config == nil {
		return l, "ws", nil
	}
	return tls.NewListener(l, config), "wss", nil
}

// quietly writes what a server complains of without what could move a cursor.
type quietly struct{ io.Writer }

func (q quietly) Write(p []byte) (int, error) {
	fmt.Fprintf(q.Writer, "tocsin: %s\n", visible(strings.TrimSpace(string(p))))
	return len(p), nil
}
