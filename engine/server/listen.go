package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

// Listen is where a server listens, and how it is reached.
type Listen struct {
	Address     string   // "": 127.0.0.1:8080
	Cert, Key   string   // files of the certificate and its key, read at the start; "": no TLS
	BehindProxy bool     // a proxy is in front that ends TLS and says in X-Forwarded-For who asks
	Hosts       []string // names besides its own that it answers to; none: on loopback those of loopback, otherwise any

	// Socket is the file of a socket by which whoever may open it does everything, without
	// a key: commands of the user that the program runs as. "": there is none.
	Socket string

	// Bound is told the address once it listens; nil: nobody is.
	Bound func(net.Addr)
}

func (l Listen) address() string { return cmp.Or(l.Address, "127.0.0.1:8080") }

// loopback says that only this machine can reach the address.
func (l Listen) loopback() bool {
	host, _, err := net.SplitHostPort(l.address())
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// names says that a request for that host is for us. Who can reach us from elsewhere
// needs a key, which no browser sends by itself, so that any name will do there.
func (l Listen) names(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
	if l.listed(name) {
		return true
	}
	if !l.loopback() || l.BehindProxy {
		return len(l.Hosts) == 0
	}
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && ip.IsLoopback()
}

// listed says that name is one of Hosts.
func (l Listen) listed(name string) bool {
	return slices.ContainsFunc(l.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

var (
	errNoAuth = errors.New("whoever reaches this address could do everything: make a key first")
	errNoTLS  = errors.New("keys would go over the network as they are")
)

// check refuses what would be open to everybody (reliability.md §6).
func (l Listen) check(keys int) error {
	switch {
	case (l.Cert == "") != (l.Key == ""):
		return fmt.Errorf("listen on %s: a certificate and its key belong together", l.address())
	case l.loopback() && !l.BehindProxy:
		return nil
	case keys == 0:
		return fmt.Errorf(`listen on %s: %w, with "tocsin keys create"`, l.address(), errNoAuth)
	case !l.BehindProxy && l.Cert == "":
		return fmt.Errorf("listen on %s: %w: give a certificate (--tls-cert, --tls-key), or say --behind-proxy where a proxy does TLS", l.address(), errNoTLS)
	}
	return nil
}

const (
	maxHeader     = 16 << 10
	headerTimeout = 5 * time.Second
	idleTimeout   = 60 * time.Second
	drainTimeout  = 10 * time.Second
)

// Run listens and answers until ctx is done, then lets requests that are under way end,
// for 10 s. It loads workflows that came by the API, if that was not done. It refuses to begin where everybody could do everything: see Listen. Heartbeats
// that are late become alerts meanwhile.
func (s *Server) Run(ctx context.Context) error {
	s.init()
	keys, err := s.usableKeys(ctx)
	if err != nil {
		return err
	}
	if err := s.Listen.check(keys); err != nil {
		return err
	}
	if !s.loaded.Load() {
		if err := s.LoadWorkflows(ctx); err != nil {
			return err
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen.address())
	if err != nil {
		return err
	}
	l = netutil.LimitListener(l, s.Limits.Connections)
	if l, err = s.secured(l); err != nil {
		return err
	}
	local := s.openSocket()
	s.announce(ctx, l.Addr())
	return s.serve(ctx, l, local)
}

func (s *Server) secured(l net.Listener) (net.Listener, error) {
	if s.Listen.Cert == "" {
		return l, nil
	}
	cert, err := tls.LoadX509KeyPair(s.Listen.Cert, s.Listen.Key)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the certificate of the server: %w", err), l.Close())
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}), nil
}

func (s *Server) announce(ctx context.Context, at net.Addr) {
	s.Log.Info("listening", "address", at.String(), "tls", s.Listen.Cert != "", "behind_proxy", s.Listen.BehindProxy)
	if s.Listen.loopback() && !s.Listen.BehindProxy && s.guard.noKeys(ctx) {
		s.Log.Warn(`everybody on this machine may do everything: there are no keys yet, "tocsin keys create" makes one`)
	}
	if s.Listen.Bound != nil {
		s.Listen.Bound(at)
	}
}

// serve answers on l, and on the socket where there is one.
func (s *Server) serve(ctx context.Context, l, local net.Listener) error {
	// Streams end with base; other requests are let finish.
	base, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s.feed.end = ctx.Done()
	srv := &http.Server{
		Handler: s.Handler(), MaxHeaderBytes: maxHeader - 4096, // net/http reads 4 KiB more than it is told
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		BaseContext: func(net.Listener) context.Context { return base }, ConnContext: marked,
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 2)
	serving := 0
	for _, l := range []net.Listener{l, local} {
		if l != nil {
			serving++
			go func() { failed <- srv.Serve(l) }()
		}
	}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { defer close(watched); s.watchHeartbeats(watching) }()
	defer func() { stop(); <-watched }()
	select {
	case err := <-failed:
		_ = srv.Close()
		for range serving - 1 {
			<-failed
		}
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(base, drainTimeout)
	defer cancel()
	err := srv.Shutdown(drain)
	if err != nil {
		end()
		err = errors.Join(fmt.Errorf("some requests did not end within %s", drainTimeout), srv.Close())
	}
	for range serving {
		<-failed
	}
	return err
}
