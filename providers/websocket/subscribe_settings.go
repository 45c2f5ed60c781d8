package websocket

import (
	"regexp"
	"slices"
	"time"

	"tocsin/workflows/schema"
)

// live are checked parameters of a connection that stays open.
type live struct {
	sample   *sampling // nil: every message is an event
	resume   schema.Lazy
	queue    int
	overflow string
	workers  int
	replay   bool
	raise    []Kind
	backoff  backoff
	vital    vital
	stale    time.Duration
	sieve    *sieve // nil: messages are events as they are
}

// vital is how a connection shows that it is alive; 0 is not at all.
type vital struct {
	ping, pong time.Duration
	idle       time.Duration
	pingsCount bool // a ping of the server's is as good as a message
	age        time.Duration
	heartbeat  heartbeat
}

type heartbeat struct {
	message  payload
	interval time.Duration // 0: there is none
	expect   *regexp.Regexp
}

// sampling is what there is to know of samples.
type sampling struct {
	body     schema.Lazy
	typ      string
	interval time.Duration
	jitter   time.Duration
	align    bool
	replies  int
}

const (
	liveTimeout    = 30 * time.Second // of connecting, and of the upgrade
	sampleTimeout  = 5 * time.Second
	liveClose      = 2 * time.Second
	leastPing      = time.Second
	leastInterval  = 100 * time.Millisecond
	defaultPing    = 30 * time.Second
	defaultPong    = 10 * time.Second
	defaultQueue   = 1024
	largestQueue   = 1 << 20
	mostWorkers    = 1024
	longestTimeout = 2 * liveTimeout
)

// settings checks p. The error is an *Error of code config_invalid.
func (p Subscription) settings() (*settings, *live, error) {
	const others = "steps; a trigger sends open_message, or trigger_body at every interval"
	if err := belongs(p.Rest, elsewhere{schema.Of[Exchange](), others}, elsewhere{schema.Of[Payload](), others},
		elsewhere{schema.Of[Outcome](), "steps and actions; a trigger tries again as reconnect says"},
		elsewhere{schema.Of[Sending](), "actions"},
	); err != nil {
		return nil, nil, err
	}
	l := &live{resume: p.ResumeMessage}
	if err := p.setSampling(l); err != nil {
		return nil, nil, err
	}
	s := &settings{}
	p.patient(l.sample != nil)
	if err := p.connect(s); err != nil {
		return nil, nil, err
	}
	for _, step := range []func(*live) error{p.setVital, p.setHeartbeat, p.setBackoff, p.setQueue, p.setEvents} {
		if err := step(l); err != nil {
			return nil, nil, err
		}
	}
	return s, l, p.setMessages(s, l)
}

// setMessages reads what messages have to be like, and what becomes of them.
func (p Subscription) setMessages(s *settings, l *live) (err error) {
	if s.script, err = readScript(p.Script, nil); err != nil {
		return err
	}
	switch {
	case len(s.script) > 0 && len(s.opening) > 0:
		return invalid("only one of %s and script may be given: which comes first?", p.openings()[0])
	case l.sample == nil && p.Expected.given():
		return invalid("wait_for and fail_if are about the replies to trigger_body; for other messages there is filter")
	}
	if err = p.setExpectations(s); err != nil {
		return err
	}
	s.receive, s.minMessages, s.maxMessages, s.receiveTimeout = "required", 1, defaultMany, longest
	l.sieve, err = p.sieve(s, p.Options, slices.Contains(l.raise, SampleKind))
	return err
}

// patient gives the limits of a connection that stays open where none were given.
func (p *Subscription) patient(samples bool) {
	if p.CloseTimeout == nil {
		p.CloseTimeout = new(liveClose)
	}
	switch {
	case p.Timeout != nil:
		return
	case samples:
		p.Timeout = new(sampleTimeout)
		return
	}
	p.Timeout = new(longestTimeout)
	for _, limit := range []**time.Duration{&p.ConnectTimeout, &p.HandshakeTimeout} {
		if *limit == nil {
			*limit = new(liveTimeout)
		}
	}
}

// setSampling decides which of the two modes it is.
func (p Subscription) setSampling(l *live) error {
	mode := or(p.Mode, "")
	if mode == "query" || mode == "send" {
		return invalid("mode: %s is for %s; in a trigger it is subscribe, or sample with trigger_body", mode, places[mode])
	}
	if p.TriggerBody != nil {
		// Pasted configurations have an empty one where nothing is asked.
		if v, err := p.TriggerBody(map[string]any{"tick": int64(1), "now": time.Now()}); err == nil && (v == nil || v == "") {
			p.TriggerBody = nil
		}
	}
	switch {
	case mode == "sample" && p.TriggerBody == nil:
		return invalid("mode: sample needs trigger_body, the message that asks for a sample")
	case mode == "subscribe" && p.TriggerBody != nil:
		return invalid("mode: subscribe only listens; trigger_body is for mode: sample")
	case p.TriggerBody == nil && p.Interval != nil:
		return invalid("interval is for samples, which need trigger_body, the message that asks for one")
	case p.TriggerBody == nil:
		return nil
	}
	s := &sampling{
		body: p.TriggerBody, typ: or(p.TriggerType, "text"), interval: or(p.Interval, 0),
		jitter: or(p.IntervalJitter, 0), align: or(p.Align, false), replies: or(p.Replies, 1),
	}
	switch {
	case s.interval == 0:
		return invalid("trigger_body needs interval, the time between two samples")
	case s.interval < leastInterval || s.interval > longest:
		return invalid("interval must be between 100ms and 24h")
	case s.jitter < 0 || s.jitter > s.interval:
		return invalid("interval_jitter must be between 0 and interval")
	case s.replies < 1 || s.replies > defaultMany:
		return invalid("replies must be between 1 and %d", defaultMany)
	}
	l.sample = s
	return nil
}

// setVital reads what shows that the connection is alive.
func (p Live) setVital(l *live) error {
	v := &l.vital
	for _, one := range []struct {
		limit
		to       *time.Duration
		fallback time.Duration
	}{
		{limit{name: "ping_interval", given: p.PingInterval, zero: true}, &v.ping, defaultPing},
		{limit{name: "idle_timeout", given: p.IdleTimeout, zero: true}, &v.idle, 0},
		{limit{name: "stale_after", given: p.StaleAfter, zero: true}, &l.stale, 0},
		{limit{name: "max_connection_age", given: p.MaxConnectionAge, zero: true}, &v.age, 0},
	} {
		var err error
		if *one.to, err = one.or(one.fallback); err != nil {
			return err
		}
	}
	var err error
	longestPong := defaultPong
	if v.ping > 0 {
		longestPong = min(longestPong, v.ping)
	}
	if v.pong, err = (limit{name: "pong_timeout", given: p.PongTimeout}).or(longestPong); err != nil {
		return err
	}
	switch {
	case v.ping > 0 && v.ping < leastPing:
		return invalid("ping_interval must be at least 1s, or 0 for no pings")
	case v.ping > 0 && v.pong > v.ping:
		return invalid("pong_timeout must not be longer than ping_interval: one ping is out at a time")
	}
	return p.setReadTimeout(v)
}

// setReadTimeout reads Telegraf's form of idle_timeout.
func (p Live) setReadTimeout(v *vital) error {
	d, err := limit{name: "read_timeout", given: p.ReadTimeout, zero: true}.or(0)
	switch {
	case err != nil:
		return err
	case d > 0 && v.idle > 0:
		return invalid("only one of idle_timeout and read_timeout may be given")
	case d > 0:
		v.idle, v.pingsCount = d, true
	}
	return nil
}

func (p Live) setHeartbeat(l *live) error {
	if p.Heartbeat == nil {
		return nil
	}
	h := p.Heartbeat
	messages := settings{}
	if err := messages.addData(h.Message, or(h.Type, "text"), false); err != nil {
		return err
	}
	interval := or(h.Interval, defaultPing)
	switch {
	case len(messages.payloads) == 0:
		return invalid("heartbeat.message must not be empty")
	case interval < leastPing || interval > longest:
		return invalid("heartbeat.interval must be between 1s and 24h")
	}
	l.vital.heartbeat = heartbeat{message: messages.payloads[0], interval: interval}
	if h.Expect == "" {
		return nil
	}
	if l.vital.pong > interval {
		return invalid("pong_timeout must not be longer than heartbeat.interval: one answer is waited for at a time")
	}
	var err error
	if l.vital.heartbeat.expect, err = regexp.Compile(h.Expect); err != nil {
		return invalid("heartbeat.expect is not a regular expression: %v", err)
	}
	return nil
}

func (p Live) setBackoff(l *live) error {
	r := or(p.Reconnect, Reconnect{})
	b := backoff{
		initial:    or(r.Initial, time.Second),
		max:        or(r.Max, time.Minute),
		multiplier: or(r.Multiplier, 2),
		jitter:     or(r.Jitter, "full"),
		resetAfter: or(r.ResetAfter, 30*time.Second),
		retries:    or(r.MaxRetries, -1),
	}
	if p.Limits != nil && p.Limits.MaxRetries != nil {
		if r.MaxRetries != nil && *r.MaxRetries != *p.Limits.MaxRetries {
			return invalid("connection.max_retries and reconnect.max_retries differ; they are two names for the same")
		}
		b.retries = *p.Limits.MaxRetries
	}
	switch {
	case b.initial < shortest || b.initial > longest:
		return invalid("reconnect.initial must be between 50ms and 24h")
	case b.max < b.initial || b.max > longest:
		return invalid("reconnect.max must be between reconnect.initial (%v) and 24h", b.initial)
	case !(b.multiplier >= 1 && b.multiplier <= 100):
		return invalid("reconnect.multiplier must be between 1 and 100")
	case b.resetAfter < 0 || b.resetAfter > longest:
		return invalid("reconnect.reset_after must be between 0 and 24h")
	}
	l.backoff = b
	return nil
}

func (p Live) setQueue(l *live) error {
	l.queue, l.overflow = or(p.QueueSize, defaultQueue), or(p.Overflow, "block")
	l.workers, l.replay = or(p.Concurrency, 1), or(p.AutoReplayNacks, false)
	switch {
	case l.queue < 1 || l.queue > largestQueue:
		return invalid("queue_size must be between 1 and %d", largestQueue)
	case l.workers < 1 || l.workers > mostWorkers:
		return invalid("concurrency must be between 1 and %d", mostWorkers)
	case l.workers > l.queue:
		return invalid("concurrency (%d) must not be more than queue_size (%d): what is run keeps its place", l.workers, l.queue)
	}
	return nil
}

func (p Live) setEvents(l *live) error {
	l.raise = append(l.raise, GaveUp)
	if or(p.EmitErrors, true) {
		l.raise = append(l.raise, SampleKind)
	}
	for _, kind := range p.LifecycleEvents {
		l.raise = append(l.raise, Kind(kind))
	}
	switch has := slices.Contains(l.raise, Stale); {
	case has && l.stale == 0:
		return invalid("lifecycle_events: stale needs stale_after, the time without a message")
	case !has && l.stale > 0:
		l.raise = append(l.raise, Stale)
	}
	return nil
}
