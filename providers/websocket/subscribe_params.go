package websocket

import (
	"reflect"
	"time"

	"tocsin/providers"
	"tocsin/providers/websocket/format"
)

// Subscription says what a trigger listens to, and what it does about the ends of a
// connection that is to stay open.
type Subscription struct {
	Connection
	Live
	Scripted
	Expected
	format.Options
	Sifting
}

// Live is what a connection that stays open takes besides (spec/websocket.md §1.3, §1.4
// and §2.9).
type Live struct {
	TriggerBody    providers.Lazy `param:"trigger_body" doc:"Message to send at every interval; may read tick, counted from 1, and now."`
	TriggerType    *string        `param:"trigger_type" enum:"text,binary" doc:"Frame type of trigger_body; text if absent."`
	Interval       *time.Duration `param:"interval" doc:"Time between two samples, 100ms at least."`
	IntervalJitter *time.Duration `param:"interval_jitter" doc:"Each sample is taken later by a random time up to this."`
	Align          *bool          `param:"align" doc:"Take samples at round times: with an interval of 1m at the full minute."`
	Replies        *int           `param:"replies" doc:"How many messages make one sample; 1 if absent."`

	ResumeMessage providers.Lazy `param:"resume_message" doc:"Message to send behind the opening of every connection but the first, so that the server goes on where it was; may read last, the last message's event, and gap_ms."`

	PingInterval     *time.Duration `param:"ping_interval" doc:"Time between two pings; 30s if absent, 0 for none."`
	PongTimeout      *time.Duration `param:"pong_timeout" doc:"Time for the answer to a ping or heartbeat; 10s if absent, or ping_interval if that is less."`
	Heartbeat        *Heartbeat     `param:"heartbeat" doc:"Messages that keep the connection alive where the server wants more than pings."`
	IdleTimeout      *time.Duration `param:"idle_timeout" doc:"Connect anew if no message comes for that long; 0, as if absent, for never."`
	ReadTimeout      *time.Duration `param:"read_timeout" doc:"The same, but a ping of the server's counts like a message."`
	StaleAfter       *time.Duration `param:"stale_after" doc:"Raise a stale event if no message comes for that long; the connection stays."`
	MaxConnectionAge *time.Duration `param:"max_connection_age" doc:"Connect anew after about that long, give or take a tenth; 0, as if absent, for never."`

	Limits    *Limits    `param:"connection" doc:"How often to try."`
	Reconnect *Reconnect `param:"reconnect" doc:"How long to wait before each attempt to connect anew."`

	QueueSize       *int     `param:"queue_size" doc:"How many messages may wait for their runs; 1024 if absent. They may not be larger than 64MiB together."`
	Overflow        *string  `param:"overflow" enum:"block,drop_oldest,drop_newest,close" doc:"What happens when no more may wait: read no further for up to 10s, then drop the oldest (block, if absent); drop one at once; or close and connect anew when there is room."`
	Concurrency     *int     `param:"concurrency" doc:"How many events are run at a time; 1, which keeps their order, if absent."`
	AutoReplayNacks *bool    `param:"auto_replay_nacks" doc:"Run an event again, with growing pauses, until its run succeeds."`
	LifecycleEvents []string `param:"lifecycle_events" enum:"opened,closed,reconnected,stale,error" doc:"What beside messages is an event too. That it was given up always is."`
	EmitErrors      *bool    `param:"emit_errors" doc:"Whether a sample that failed, and a message that cannot be read in its format, is an event with an error; true if absent."`
}

// Heartbeat is an application's own ping.
type Heartbeat struct {
	Message  any            `param:"message,required" doc:"What to send; a mapping or list is sent as JSON."`
	Interval *time.Duration `param:"interval" doc:"Time between two; 30s if absent."`
	Type     *string        `param:"type" enum:"text,binary" doc:"Frame type; text if absent."`
	Expect   string         `param:"expect" doc:"Regular expression that the answers match. They are no events then, and one that does not come within pong_timeout ends the connection."`
}

// Limits is Benthos' block.
type Limits struct {
	MaxRetries *int `param:"max_retries" doc:"How many attempts may fail, one after the other, after the first; without limit if absent or negative."`
}

// Reconnect is how patient a subscription is.
type Reconnect struct {
	Initial    *time.Duration `param:"initial" doc:"Longest wait before the first attempt after a loss; 1s if absent."`
	Max        *time.Duration `param:"max" doc:"Longest wait before any attempt; 60s if absent."`
	Multiplier *float64       `param:"multiplier" doc:"By how much the longest wait grows with every attempt; 2 if absent."`
	Jitter     *string        `param:"jitter" enum:"full,equal,none" doc:"How much of a wait is left to chance: all of it (full, if absent), half of it, nothing."`
	ResetAfter *time.Duration `param:"reset_after" doc:"How long a connection has to hold for the waits to be short again; 30s if absent."`
	MaxRetries *int           `param:"max_retries" doc:"Another name for connection.max_retries."`
}

// Review says what is wrong with the parameters of a trigger.
func (p Subscription) Review() error {
	_, _, err := p.settings()
	return err
}

// over is p with what it leaves out taken from defaults, field by field.
func (p Subscription) over(defaults Config) Subscription {
	p.Connection = p.Connection.over(defaults.Connection)
	if p.IdleTimeout != nil || p.ReadTimeout != nil {
		defaults.IdleTimeout, defaults.ReadTimeout = nil, nil
	}
	if p.Limits != nil || p.Reconnect != nil && p.Reconnect.MaxRetries != nil {
		defaults.Limits = nil
	}
	fill(reflect.ValueOf(&p.Live).Elem(), reflect.ValueOf(defaults.Live))
	if len(p.Script) > 0 || len(p.openings()) > 0 {
		defaults.Script = nil
	}
	p.Expected = p.Expected.over(defaults.Expected)
	fill(reflect.ValueOf(&p.Scripted).Elem(), reflect.ValueOf(defaults.Scripted))
	fill(reflect.ValueOf(&p.Options).Elem(), reflect.ValueOf(defaults.Options))
	fill(reflect.ValueOf(&p.Sifting).Elem(), reflect.ValueOf(defaults.Sifting))
	return p
}
