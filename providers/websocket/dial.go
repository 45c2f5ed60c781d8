package websocket

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"tocsin/providers/dial"
)

// stagger is how long an address has before the next one is tried beside it
// (RFC 8305 §5).
const stagger = 250 * time.Millisecond

// dial resolves the target, or the proxy on the way to it, and connects, both before
// the deadline, and notes how long each took.
func (t *transport) dial(ctx context.Context) (net.Conn, error) {
	if t.reach != nil {
		return t.reach(ctx)
	}
	parent := ctx
	ctx, cancel := context.WithDeadline(ctx, t.connectDeadline())
	defer cancel()
	host, port := t.to.host, t.to.port
	if t.via != nil {
		if failed := t.behind(ctx); failed != nil {
			return nil, failed
		}
		host, port = t.via.host, t.via.port
	}

	dialer := t.set.over(t.dialer)
	begun := time.Now()
	ips, err := t.lookup(ctx, dialer, host, port)
	if net.ParseIP(host) == nil {
		t.timings.DNS = since(begun)
	}
	if err != nil {
		return nil, t.onTheWay(parent, lookupFault(parent, host, err))
	}

	begun = time.Now()
	conn, err := race(ctx, dialer, ips, port)
	t.timings.Connect = since(begun)
	if err != nil {
		return nil, t.onTheWay(parent, connectFault(parent, err))
	}
	return conn, nil
}

// onTheWay says of an error whether it was the proxy that could not be reached.
func (t *transport) onTheWay(ctx context.Context, e *Error) *Error {
	if t.via == nil {
		return e
	}
	return t.proxyFault(ctx, t.via, e)
}

// race connects to the first of ips that answers. An address that neither answers
// nor refuses does not hold up the next one for longer than stagger.
func race(ctx context.Context, d *dial.Dialer, ips []net.IP, port string) (net.Conn, error) {
	if len(ips) == 1 {
		return d.DialContext(ctx, "tcp", net.JoinHostPort(ips[0].String(), port))
	}
	ctx, cancel := context.WithCancel(ctx)
	type outcome struct {
		conn net.Conn
		err  error
	}
	outcomes := make(chan outcome)
	waiting, next := 0, 0
	start := func() {
		address := net.JoinHostPort(ips[next].String(), port)
		waiting, next = waiting+1, next+1
		go func() {
			conn, err := d.DialContext(ctx, "tcp", address)
			outcomes <- outcome{conn, err}
		}()
	}
	// Whoever is still on the way when one has won is called off and waited for.
	defer func() {
		cancel()
		for ; waiting > 0; waiting-- {
			if late := <-outcomes; late.conn != nil {
				late.conn.Close()
			}
		}
	}()

	var first error
	tick := time.NewTimer(stagger)
	defer tick.Stop()
	for start(); waiting > 0; {
		select {
		case o := <-outcomes:
			waiting--
			if o.err == nil {
				return o.conn, nil
			}
			if first == nil {
				first = o.err
			}
		case <-tick.C:
		}
		if next < len(ips) && ctx.Err() == nil {
			start()
			tick.Reset(stagger)
		}
	}
	return nil, first
}

// lookupFault puts a resolver's error in our words.
func lookupFault(ctx context.Context, host string, err error) *Error {
	if ctx.Err() != nil {
		return cancelled(ctx, "dns")
	}
	if own, ok := asError(err); ok {
		return own
	}
	if blocked, ok := errors.AsType[*dial.Blocked](err); ok {
		return fault(BlockedAddress, err, "not connected, by policy: %v", blocked)
	}
	detail := "servfail"
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		e := fault(DNSFailed, err, "the name %s does not exist", host).detailed("nxdomain")
		e.Retryable = false
		return e
	} else if ok && dns.IsTimeout || errors.Is(err, context.DeadlineExceeded) {
		detail = "timeout"
	}
	return fault(DNSFailed, err, "the name %s could not be resolved (%s)", host, detail).detailed("%s", detail)
}

// connectFault puts the system's error in our words.
func connectFault(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return cancelled(ctx, "connect")
	}
	if blocked, ok := errors.AsType[*dial.Blocked](err); ok {
		return fault(BlockedAddress, err, "not connected, by policy: %v", blocked)
	}
	where := "the server"
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
		where = op.Addr.String()
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault(ConnectRefused, err, "%s refused the connection", where)
	case errors.Is(err, syscall.ECONNRESET):
		return fault(ConnectReset, err, "%s reset the connection", where)
	case timedOut(err), errors.Is(err, syscall.ETIMEDOUT):
		return fault(ConnectTimeout, err, "%s did not answer in time", where)
	}
	e := fault(ConnectUnreachable, err, "%s cannot be reached", where)
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		e.Problem += ": " + errno.Error()
		e.Detail = errno.Error()
	}
	return e
}

// cancelled is the error where it was the caller who ended the query.
func cancelled(ctx context.Context, phase string) *Error {
	return fault(Cancelled, context.Cause(ctx), "stopped before it was done: %v", context.Cause(ctx)).in(phase)
}

// timedOut says that a deadline passed, ours or the system's.
func timedOut(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
