package websocket

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// A sampler asks over a connection that stays open, and takes the replies that come in
// time (spec/websocket.md §1.4). What comes when nothing was asked is not a reply.
type sampler struct {
	*sampling
	s     *subscription
	l     *link       // nil: not connected
	ended chan *Error // how reading ended
	retry time.Time   // when to connect, if no tick does so before

	tick    int64
	skipped int64

	mu          sync.Mutex
	unsolicited int64
	got         []reply
	enough      chan struct{} // closed when all replies are there; nil: nobody waits for one
	asked       time.Time     // when the question was asked
	passed      int           // messages since then
	wrong       *Error        // one that must not come
}

// sample asks at every interval until ctx is done, or until it gives up.
func (s *subscription) sample(ctx context.Context) (*link, error) {
	p := &sampler{sampling: s.live.sample, s: s, ended: make(chan *Error, 1)}
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	if p.l != nil {
		<-p.ended // ctx is done, so that reading ends too
	}
	return p.l, nil
}

func (p *sampler) run(ctx context.Context) error {
	ticks := newTicks(p.sampling, time.Now(), p.s.random)
	tick, retry := time.NewTimer(time.Until(ticks.due)), time.NewTimer(longest)
	defer tick.Stop()
	defer retry.Stop()
	p.retry = time.Now() // the first sample may be due much later
	for {
		retry.Stop()
		if p.l == nil && p.retry.Before(ticks.due) {
			retry.Reset(time.Until(p.retry))
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = p.take(ctx)
			p.skipped += ticks.next(time.Now())
			tick.Reset(time.Until(ticks.due))
		case <-retry.C:
			if failed := p.connect(ctx); failed != nil {
				err = p.plan(failed)
			}
		case failed := <-p.ended:
			err = p.gone(ctx, failed)
		}
		if err != nil {
			return err
		}
	}
}

// connect opens a connection and begins to read.
func (p *sampler) connect(ctx context.Context) *Error {
	l, failed := p.s.open(ctx)
	if failed != nil {
		return failed
	}
	p.l = l
	go func() {
		p.ended <- l.read(ctx, hearer{p})
	}()
	return nil
}

// gone lets go of a connection whose reading has ended, and plans the next one. When
// ctx is done the connection is left to whoever says goodbye.
func (p *sampler) gone(ctx context.Context, failed *Error) error {
	if ctx.Err() != nil {
		p.ended <- failed
		return nil
	}
	p.s.lost(ctx, p.l, failed)
	p.l = nil
	return p.plan(failed)
}

// plan says when to connect anew, if no tick does so before. The error is that of
// giving up.
func (p *sampler) plan(failed *Error) error {
	d, err := p.s.delay(failed)
	p.retry = time.Now().Add(d)
	return err
}

// A hearer takes the messages of a sampler's link, for which there is always room.
type hearer struct{ *sampler }

func (hearer) room(context.Context, *link) bool                       { return true }
func (h hearer) take(_ *link, typ websocket.MessageType, data []byte) { h.heard(typ, data) }

// heard is told of every message: it is a reply if one is waited for.
func (p *sampler) heard(typ websocket.MessageType, data []byte) {
	p.s.silent.over(p.s)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.enough == nil || !p.wanted(typ, data) {
		p.unsolicited++
		return
	}
	p.got = append(p.got, reply{typ, data, p.s.now()})
	if len(p.got) == p.replies {
		close(p.enough)
		p.enough = nil
	}
}

// wanted says whether a message is a reply, or ends the wait because it must not come.
func (p *sampler) wanted(typ websocket.MessageType, data []byte) bool {
	set := p.s.set
	m := &arrival{typ: typ, data: data, at: time.Since(p.asked), index: p.passed, response: p.l.response}
	p.passed++
	if set.failIf != nil {
		if wrong, _ := set.failIf(m); wrong {
			p.wrong = fault(AssertionFailed, nil, "fail_if holds about the message %s", p.l.hidden.veil().begins(data))
			close(p.enough)
			p.enough = nil
			return false
		}
	}
	if set.wait == nil {
		return true
	}
	held, err := set.wait(m)
	return held && err == nil
}

// take takes a sample: it connects if need be, asks, and waits for the replies, all of
// it within the timeout. The error is that of giving up.
func (p *sampler) take(ctx context.Context) error {
	p.tick++
	deadline := time.NewTimer(p.s.set.timeout)
	defer deadline.Stop()
	if p.l == nil {
		if failed := p.connect(ctx); failed != nil {
			p.tell(ctx, nil, 0, failed)
			return p.plan(failed)
		}
	}
	asked, failed := p.ask(ctx, deadline.C)
	replies := p.answered()
	if len(replies) == p.replies {
		failed = nil // it came at the last moment
	}
	took := time.Duration(0)
	if !asked.IsZero() && failed == nil {
		took = replies[len(replies)-1].at.Sub(asked)
	}
	p.tell(ctx, replies, took, failed)
	switch {
	case failed == nil:
		return nil
	case failed.Code == ConfigInvalid, failed.Code == AssertionFailed:
		p.s.meter.note(errorsTotal, 1, string(failed.Code))
		return nil
	}
	// The end of the connection, so that a late reply is never another sample's.
	p.l.fail(failed)
	return p.gone(ctx, <-p.ended)
}

// ask sends the question and waits for the replies, and says when it was sent.
func (p *sampler) ask(ctx context.Context, deadline <-chan time.Time) (asked time.Time, failed *Error) {
	question, failed := p.question()
	if failed != nil {
		return asked, failed
	}
	select {
	case <-p.l.said():
	case <-deadline:
		return asked, fault(ReplyTimeout, nil, "what is said on opening was not over in time")
	case <-ctx.Done():
		return asked, cancelled(ctx, "send")
	}
	enough := p.expect()
	asked = p.s.now()
	if failed := p.l.writeWithin(question, p.s.set.timeout); failed != nil {
		return asked, failed
	}
	select {
	case <-enough:
		p.mu.Lock()
		defer p.mu.Unlock()
		return asked, p.wrong
	case failed := <-p.ended:
		p.ended <- failed
		if failed == nil { // too old, of all times
			failed = fault(ConnectionLost, nil, "the connection was closed because of its age before the reply came")
		}
		return asked, failed
	case <-deadline:
		return asked, p.late()
	case <-ctx.Done():
		return asked, cancelled(ctx, "receive")
	}
}

// question renders trigger_body.
func (p *sampler) question() (payload, *Error) {
	v, err := p.body(map[string]any{"tick": p.tick, "now": p.s.now()})
	said := settings{}
	if err == nil {
		err = said.addData(v, p.typ, false)
	}
	switch {
	case err != nil:
		return payload{}, fault(ConfigInvalid, err, "trigger_body: %v", err)
	case len(said.payloads) == 0:
		return payload{}, invalid("trigger_body is empty")
	}
	return said.payloads[0], nil
}

// expect has messages taken for replies from now on.
func (p *sampler) expect() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got, p.enough = nil, make(chan struct{})
	p.asked, p.passed, p.wrong = time.Now(), 0, nil
	return p.enough
}

// answered has messages not taken for replies any more, and returns those there are.
func (p *sampler) answered() []reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enough = nil
	got := p.got
	p.got = nil
	return got
}

func (p *sampler) late() *Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := fault(ReplyTimeout, nil, "no reply came within %v", p.s.set.timeout)
	if len(p.got) > 0 {
		e.Problem = "some replies did not come in time"
	}
	return e.detailed("%d of %d replies", len(p.got), p.replies)
}

// tell raises the sample, or that it could not be taken. One that was cut short because
// everything ends is neither.
func (p *sampler) tell(ctx context.Context, replies []reply, took time.Duration, failed *Error) {
	if failed != nil && (ctx.Err() != nil || !slices.Contains(p.s.live.raise, SampleKind)) {
		return
	}
	p.mu.Lock()
	t := &taken{Sample: Sample{Tick: p.tick, Skipped: p.skipped, Unsolicited: p.unsolicited}, replies: replies}
	p.mu.Unlock()
	i := item{kind: SampleKind, at: p.s.now(), err: failed, took: t, size: t.size()}
	if failed == nil {
		t.Reply = new(milliseconds(took))
	} else {
		failed.about(p.s.set.target)
	}
	if i.from = p.s.nobody(); p.l != nil {
		i.from, i.seq = p.l.identity, p.l.seq.Load()
	}
	if p.s.live.overflow == "block" {
		p.s.queue.reserve(ctx, maxBlock)
	}
	p.s.add(i)
}

// ticks are the times at which samples are due: equally far apart, from the beginning
// or from a round time on, each later by some time of its own.
type ticks struct {
	due    time.Time
	base   time.Time
	n      int64
	every  time.Duration
	jitter time.Duration
	random func() float64
}

func newTicks(s *sampling, now time.Time, random func() float64) *ticks {
	t := &ticks{base: now, every: s.interval, jitter: s.jitter, random: random}
	if s.align {
		t.base = now.Truncate(s.interval)
		if t.base.Before(now) {
			t.base = t.base.Add(s.interval)
		}
	}
	t.plan()
	return t
}

func (t *ticks) plan() {
	t.due = t.base.Add(time.Duration(t.n)*t.every + time.Duration(t.random()*float64(t.jitter)))
}

// next goes on to the next time that is not over yet, and returns how many were.
func (t *ticks) next(now time.Time) (skipped int64) {
	for t.n++; ; t.n++ {
		if t.plan(); !t.due.Before(now) {
			return skipped
		}
		skipped++
	}
}
