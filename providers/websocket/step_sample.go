package websocket

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"time"

	"tocsin/providers"
	"tocsin/workflows/schema"
)

// Sampled is what a step of mode: sample takes: it asks over a connection that stays open
// from one run of its workflow to the next (spec/websocket.md §1.4).
type Sampled struct {
	TriggerBody any            `param:"trigger_body" doc:"Message to send, with mode: sample; a mapping or list is sent as JSON."`
	TriggerType *string        `param:"trigger_type" enum:"text,binary" doc:"Frame type of trigger_body; text if absent."`
	Replies     *int           `param:"replies" doc:"How many messages make one sample; 1 if absent."`
	IdleClose   *time.Duration `param:"idle_close" doc:"With mode: sample, how long the connection is kept for the next run; 1h if absent."`
}

// defaultKeep is how long a step's connection waits for the next run.
const defaultKeep = time.Hour

func (p Connection) samples() bool { return or(p.Mode, "") == "sample" }

// setSampled checks what is for mode: sample only, where that is not written. An empty
// trigger_body, as pasted configurations have one, asks nothing.
func (p Params) setSampled(*settings) error {
	if p.TriggerBody == "" {
		p.TriggerBody = nil
	}
	if name := given(p.Sampled); name != "" {
		return invalid("%s is for mode: sample, which asks over a connection that stays open", name)
	}
	return nil
}

// sampled checks the parameters of a step of mode: sample.
func (p Params) sampled() (*settings, error) {
	if err := belongs(p.Rest,
		elsewhere{schema.Of[Live](), "triggers: a step takes a sample whenever its workflow runs"},
		elsewhere{schema.Of[Sifting](), "triggers; a step has wait_for"},
		elsewhere{schema.Of[Sending](), "actions: a step waits for what it asks"},
	); err != nil {
		return nil, err
	}
	for _, others := range []any{p.Payload, p.Exchange, p.Scripted} {
		if name := given(others); name != "" {
			return nil, invalid("%s is for queries; mode: sample sends trigger_body and waits for replies", name)
		}
	}
	if p.Timeout == nil {
		p.Timeout = new(sampleTimeout)
	}
	s := &settings{
		receive: "required", minMessages: or(p.Replies, 1), maxMessages: defaultMany, receiveTimeout: longest,
		expectStatus: []int{http.StatusSwitchingProtocols},
	}
	return s, each(s, p.connect, p.setQuestion, p.setExpectations, p.setOutcome, func(s *settings) error { return s.readAs(p.Options) })
}

func (p Sampled) setQuestion(s *settings) error {
	if err := s.addData(p.TriggerBody, or(p.TriggerType, "text"), false); err != nil {
		return err
	}
	switch {
	case len(s.payloads) == 0:
		return invalid("mode: sample needs trigger_body, the message that asks for a sample")
	case s.minMessages < 1 || s.minMessages > defaultMany:
		return invalid("replies must be between 1 and %d", defaultMany)
	case s.cleanClose:
		return invalid("require_clean_close is about the end of the connection, and mode: sample keeps it")
	}
	_, err := limit{name: "idle_close", given: p.IdleClose}.or(defaultKeep)
	return err
}

// given is the name of the first field of a struct of parameters that is not left out.
func given(parameters any) string {
	v := reflect.ValueOf(parameters)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("param"), ",")
			return name
		}
	}
	return ""
}

// sample asks over the connection that this step had before, or opens one.
func (c *client) sample(ctx context.Context, p Params) (Result, error) {
	set, err := p.settings()
	if err != nil {
		return Result{}, err
	}
	how := &sending{confirm: "reply", keep: true, sample: true, idleClose: or(p.IdleClose, defaultKeep)}
	fails := or(p.FailOnError, false)
	origin := providers.OriginOf(ctx)
	out, failed := c.deliver(ctx, set, how, p.shape(origin.Workflow, origin.Step))
	return out.Result, judged(failed, fails)
}
