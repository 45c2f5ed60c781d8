package cmd

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// A healthcheckCommand asks a program that serves how it is.
type healthcheckCommand struct {
	*setup
	address string
	tls     bool
	ready   bool
	alive   bool
	timeout time.Duration
}

func newHealthcheckCommand(s *setup) *cobra.Command {
	h := &healthcheckCommand{setup: s}
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask \"serve\" on this machine whether it is well",
		Long: `Healthcheck asks GET /healthz, or /readyz with --ready, or /-/healthy with --alive, and ends with 0 if
it is well, 1 if it says that it is not, 3 if nobody answers. It is for images that have no shell and
no curl. Who starts the program anew when it is not well asks with --alive: that a disk is full, or
nobody can be told, a new process does not mend.`,
		Example: `  tocsin healthcheck
  tocsin healthcheck --listen 127.0.0.1:9000 --ready`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return h.run(c.Context()) },
	}
	f := c.Flags()
	f.StringVar(&h.address, "listen", "127.0.0.1:8080", "where it listens; a host that stands for all addresses is asked on loopback")
	f.BoolVar(&h.tls, "tls", false, "it has a certificate, which is not looked at")
	f.BoolVar(&h.ready, "ready", false, "whether it can take things in")
	f.BoolVar(&h.alive, "alive", false, "only whether its loops tick, which a new process would mend")
	c.MarkFlagsMutuallyExclusive("ready", "alive")
	f.DurationVar(&h.timeout, "timeout", 5*time.Second, "time for the answer")
	return c
}

func (h *healthcheckCommand) run(ctx context.Context) error {
	host, port, err := net.SplitHostPort(h.address)
	if err != nil {
		return usage("write HOST:PORT", "--listen %s: %v", h.address, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	scheme, path := "http", "/healthz"
	if h.tls {
		scheme = "https"
	}
	switch {
	case h.ready:
		path = "/readyz"
	case h.alive:
		path = "/-/healthy"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return usage("write HOST:PORT", "--listen %s: %v", h.address, err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // it is asked on this machine, and told nothing
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return broken(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return broken(err)
	}
	if resp.StatusCode != http.StatusOK {
		return &exitError{code: exitFailed, err: fmt.Errorf("%s: %s", resp.Status, clean(detail(body)))}
	}
	fmt.Fprintln(h.stdout, "well")
	return nil
}

// detail is what an answer says about itself.
func detail(body []byte) string {
	var said struct{ Detail string }
	if json.Unmarshal(body, &said) == nil && said.Detail != "" {
		return said.Detail
	}
	return strings.TrimSpace(string(body))
}
