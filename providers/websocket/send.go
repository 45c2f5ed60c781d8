package websocket

import (
	"context"
	"crypto/sha256"
	"net/http"
	"reflect"
	"time"

	"tocsin/providers/websocket/format"
	"tocsin/workflows/schema"
)

// Notice says what to send and where to. A configuration may give any of it.
type Notice struct {
	Connection
	Payload
	Expected
	Outcome
	Sending
}

// Sending is what an action takes besides (spec/websocket.md §1.2).
type Sending struct {
	Confirm         *string        `param:"confirm" enum:"none,pong,close,reply" doc:"How it is made sure that the messages arrived: not at all, by the answer to a ping, by the closing handshake (if absent, unless keep_open), or by a message that comes back."`
	ConfirmRequired *bool          `param:"confirm_required" doc:"Whether it is a failure if the closing handshake does not confirm."`
	KeepOpen        *bool          `param:"keep_open" doc:"Keep the connection for the next messages to the same server; confirm is pong then, if absent."`
	IdleClose       *time.Duration `param:"idle_close" doc:"How long a connection is kept that nothing is sent over; 60s if absent."`
}

// sending is checked Sending.
type sending struct {
	confirm   string // none, pong, close or reply
	required  bool
	keep      bool
	idleClose time.Duration
	sample    bool // a step asks: what came before the question is no reply
}

// A Delivery is what came of sending.
type Delivery struct {
	Result
	Delivered   int  `param:"delivered" doc:"How many messages were written."`
	Confirmed   bool `param:"confirmed" doc:"Whether the server showed that it got them."`
	Unconfirmed bool `param:"unconfirmed" doc:"Whether they were written, but the server did not show that it got them."`
}

const defaultIdle = 60 * time.Second

// over is p with what it leaves out taken from defaults, field by field.
func (p Notice) over(defaults Config) Notice {
	p.Connection = p.Connection.over(defaults.Connection)
	p.Payload = p.Payload.over(defaults.Payload)
	p.Expected = p.Expected.over(defaults.Expected)
	fill(reflect.ValueOf(&p.Outcome).Elem(), reflect.ValueOf(defaults.Outcome))
	fill(reflect.ValueOf(&p.Sending).Elem(), reflect.ValueOf(defaults.Sending))
	return p
}

// Review says what is wrong with the parameters of an action.
func (p Notice) Review() error {
	_, _, err := p.settings()
	return err
}

// settings checks p. The error is an *Error of code config_invalid.
func (p Notice) settings() (*settings, *sending, error) {
	if err := p.placed("send", "an action"); err != nil {
		return nil, nil, err
	}
	if err := belongs(p.Rest,
		elsewhere{schema.Of[Live](), "triggers: in an action nothing is listened to"},
		elsewhere{schema.Of[Sifting](), "triggers: in an action nothing is listened to"},
		elsewhere{schema.Of[Exchange](), "steps; an action has confirm"},
		elsewhere{schema.Of[Scripted](), "steps; an action has confirm"},
		elsewhere{schema.Of[format.Options](), "steps and triggers: an action does not read data"},
	); err != nil {
		return nil, nil, err
	}
	how := &sending{}
	s := &settings{
		receive: "required", minMessages: 1, maxMessages: defaultMany, receiveTimeout: longest,
		expectStatus: []int{http.StatusSwitchingProtocols},
	}
	return s, how, each(s, p.connect, p.setPayloads, p.setExpectations, p.setOutcome, how.set(p))
}

// set checks how messages are sent.
func (how *sending) set(p Notice) func(*settings) error {
	return func(s *settings) (err error) {
		how.keep, how.required, how.confirm = or(p.KeepOpen, false), or(p.ConfirmRequired, false), or(p.Confirm, "")
		if how.confirm == "" {
			how.confirm = "close"
			if how.keep {
				how.confirm = "pong"
			}
		}
		how.idleClose, err = limit{name: "idle_close", given: p.IdleClose}.or(defaultIdle)
		switch {
		case err != nil:
			return err
		case len(s.payloads) == 0:
			return invalid("there is nothing to send; write message: ..., or send_empty: true")
		case how.keep && how.confirm == "close":
			return invalid("confirm: close ends the connection, and keep_open keeps it")
		case how.keep && s.cleanClose:
			return invalid("require_clean_close is about the end of the connection, and keep_open keeps it")
		case how.required && how.confirm == "none":
			return invalid("confirm_required wants to be sure, and confirm: none does not ask")
		case how.confirm != "reply" && (s.wait != nil || s.failIf != nil):
			return invalid("wait_for and fail_if are about the reply; write confirm: reply")
		}
		return nil
	}
}

// Notify sends messages, in order, and makes sure that they arrived as far as confirm
// says. If that fails before the first of them was written, it is tried anew: once at
// once, if the connection turned out to have ended, and as often as retries says. What
// was written completely is never written again.
func (c *client) Notify(ctx context.Context, p Notice) (Delivery, error) {
	p = p.over(c.defaults)
	set, how, err := p.settings()
	if err != nil {
		return Delivery{}, err
	}
	out, failed := c.deliver(ctx, set, how, p.shape())
	return out, judged(failed, or(p.FailOnError, true))
}

// deliver is Notify and sample, the parameters checked. A kept connection has that shape.
func (c *client) deliver(ctx context.Context, set *settings, how *sending, shape [sha256.Size]byte) (Delivery, *Error) {
	begun, renewed := time.Now(), 0
	at, failed := c.lines.slot(ctx, shape, how, set.timeout)
	if failed != nil {
		none := &query{set: set, begun: begun, tried: 1, transport: c.transport(set)}
		return Delivery{Result: none.told(failed)}, failed
	}
	defer c.lines.giveBack(at, how.idleClose)
	for tried := 1; ; tried++ {
		d := &delivery{query: query{set: set, begun: begun, tried: tried, transport: c.transport(set)}, how: how, at: at}
		out, failed := d.run(ctx)
		switch {
		case failed == nil || d.delivered > 0 && !how.sample:
		case d.dead && renewed == 0 && ctx.Err() == nil:
			renewed = 1
			continue
		case set.again(ctx, failed, tried-renewed, begun.Add(set.timeout)):
			continue
		}
		return out, failed
	}
}

// A delivery is one attempt to send. The query in it is what came of it.
type delivery struct {
	query
	how  *sending
	at   *slot // has the line, if there is one already
	line *line
	dead bool // writing showed that the connection had ended

	delivered int
	confirmed bool
	before    Arrived // what had come for those who sampled before
}

// run sends, and says how that went. It returns as query.run does.
func (d *delivery) run(ctx context.Context) (Delivery, *Error) {
	failed := d.begin(ctx)
	if failed == nil {
		failed = d.exchange(ctx)
	}
	t := d.transport
	t.timings.Total = milliseconds(time.Since(d.begun))
	if !d.sentAt.IsZero() && d.gotAt.After(d.sentAt) {
		t.timings.Reply = new(milliseconds(d.gotAt.Sub(d.sentAt)))
	}
	if d.line != nil {
		failed = d.end(ctx, failed)
	}
	if failed != nil {
		d.confirmed = false
	}
	r := Delivery{Result: d.told(failed), Delivered: d.delivered, Confirmed: d.confirmed}
	if d.line != nil {
		r.Received = d.line.counted().since(d.before)
	}
	r.Unconfirmed = d.delivered > 0 && !d.confirmed && d.how.confirm != "none"
	return r, failed
}

// begin takes the line that was kept, or opens one and says what is to be said on
// opening.
func (d *delivery) begin(ctx context.Context) *Error {
	now := time.Now()
	if d.line = d.at.take(); d.line != nil {
		d.transport = d.line.t
		d.transport.timings = Timings{}
	}
	t := d.transport
	t.started, t.deadline = now, d.begun.Add(d.set.timeout)
	if d.line != nil {
		d.conn = d.line.conn
		t.release = t.leash.hold(ctx, t.raw)
		t.responded = now // to count the first message from
		if d.how.sample {
			d.before = d.line.counted()
		}
		return nil
	}
	var failed *Error
	if d.conn, failed = t.open(ctx); failed != nil {
		return failed
	}
	t.leash.until(time.Time{})
	d.line = newLine(t, d.conn)
	if failed = d.greet(ctx); failed != nil {
		return d.reason(ctx, failed)
	}
	return nil
}

// exchange writes the messages, and waits for the confirmation unless that is the
// closing handshake.
func (d *delivery) exchange(ctx context.Context) *Error {
	if d.how.confirm == "reply" {
		d.line.listen(d.set.maxMessages, int(d.set.maxMessage))
		defer d.line.listen(0, 0)
	}
	from := time.Now()
	before := d.sent.Messages
	failed := d.write(ctx, d.set.payloads)
	d.delivered = d.sent.Messages - before
	if failed != nil {
		d.dead = failed.Code == SendFailed
		return d.reason(ctx, failed)
	}
	switch d.how.confirm {
	case "pong":
		return d.pong(ctx)
	case "reply":
		return d.reply(ctx, from)
	}
	return nil
}

// reason is why a write failed, as far as reading knows it: a close frame, perhaps. It
// has a moment to find that.
func (d *delivery) reason(ctx context.Context, failed *Error) *Error {
	if failed.Code != SendFailed {
		return failed
	}
	if !d.over() {
		return failed
	}
	if why := d.readFault(ctx, d.line.err); why.Code == ClosedByPeer {
		return why
	}
	return failed
}

// pong waits for the answer to a ping: the server's end of the connection has read all
// that was sent before it.
func (d *delivery) pong(ctx context.Context) *Error {
	limit, cancel := context.WithDeadline(ctx, d.transport.deadline)
	defer cancel()
	d.transport.leash.writeUntil(d.transport.deadline)
	begun := time.Now()
	err := d.conn.Ping(limit)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return cancelled(ctx, "live")
	case limit.Err() != nil || timedOut(err):
		return fault(PongTimeout, err, "the messages were written, but the server did not answer a ping in time")
	case !d.over():
		return d.sendFault(ctx, err)
	case d.transport.stream.guard.pongs <= d.line.pongs:
		return d.readFault(ctx, d.line.err)
	}
	// Where the server closes right behind its pong, the library may tell of either.
	d.transport.timings.Ping = since(begun)
	d.confirmed = true
	d.line.pongs++
	return nil
}

// over says whether reading has ended, for which it has a moment.
func (d *delivery) over() bool {
	moment := time.NewTimer(lastWord)
	defer moment.Stop()
	select {
	case <-d.line.ended:
		return true
	case <-moment.C:
		return false
	}
}

// reply waits for the message that confirms. What came before anything was sent is
// none.
func (d *delivery) reply(ctx context.Context, from time.Time) *Error {
	late := time.NewTimer(time.Until(d.transport.deadline))
	defer late.Stop()
	for over := false; ; {
		for _, m := range d.line.take() {
			if m.at.Before(from) {
				if d.how.sample {
					continue
				}
				if _, failed := d.keep(m.typ, m.data); failed != nil {
					return failed
				}
				continue
			}
			if failed := d.take(m.typ, m.data); failed != nil {
				return failed
			}
			if d.enough.Load() {
				if d.confirmed = true; !d.how.sample {
					d.answer = len(d.messages) - 1
				}
				return nil
			}
		}
		if over {
			return d.readFault(ctx, d.line.err)
		}
		select {
		case <-d.line.news:
		case <-d.line.ended:
			over = true
		case <-late.C:
			return d.replyTimeout(nil)
		case <-ctx.Done():
			return cancelled(ctx, "receive")
		}
	}
}

// ends is failed, if that ends a connection that is to be kept: a reply that is not as it
// should be does not.
func (how *sending) ends(failed *Error) *Error {
	if how.sample && failed != nil && (failed.Code == ParseFailed || failed.Code == AssertionFailed) {
		return nil
	}
	return failed
}

// end keeps the line or closes it, and says what that has to do with the outcome.
func (d *delivery) end(ctx context.Context, failed *Error) *Error {
	if d.how.keep && d.at.keep(d.line, d.how.ends(failed)) {
		d.kept = true
		return failed
	}
	wait := d.set.closeTimeout
	if failed == nil && d.how.confirm == "none" {
		wait = lastWord
	}
	code, wait := d.line.howToClose(failed, 1000, wait)
	d.closed = d.line.close(code, wait)
	if failed != nil || d.how.confirm == "none" {
		return failed
	}
	peer := d.transport.stream.guard.closed
	switch byPeer := d.closed.By != nil && *d.closed.By == "peer"; {
	case d.how.confirm == "close" && d.closed.Clean && !byPeer:
		d.confirmed = true
	case peer != nil && !peer.orderly() && byPeer && !d.confirmed:
		return closedFault(peer) // it got something, and did not like it
	case d.how.confirm == "close" && d.how.required && peer != nil:
		return closedFault(peer)
	case d.how.confirm == "close" && d.how.required:
		return fault(ReplyTimeout, nil, "the messages were written, but the server did not answer our close frame").detailed("no closing handshake")
	}
	if d.set.cleanClose && !d.closed.Clean {
		return fault(ConnectionLost, nil, "the server did not complete the closing handshake")
	}
	return nil
}
