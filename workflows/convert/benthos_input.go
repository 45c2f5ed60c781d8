package convert

import (
	"strconv"
	"strings"
	"time"

	"tocsin/workflows/source"
)

// input takes an input, whatever it stands in.
func (b *benthos) input(v source.Value) {
	at := b.triggerPath()
	b.part("input", v, at, func(m source.Map, e source.Entry) { b.inputOf(m, e, at) })
}

func (b *benthos) inputOf(m source.Map, e source.Entry, at string) {
	switch e.Key {
	case "websocket":
		b.listen(m, e)
	case "broker":
		b.allInputs(e, at, "inputs", "copies", "batching")
		_, block := sub(e.Value, "inputs")
		if copies, ok := find(block, "copies"); ok && copies.Value.Data != int64(1) {
			b.note(copies.Pos, at, Changed, "write the trigger as often as it is to connect", "copies: each input is there once")
		}
		if batching, ok := find(block, "batching"); ok && says(batching.Value) {
			b.lost(batching.Pos, at, "each message is a run of its own", "batching of broker")
		}
	case "sequence":
		b.note(e.Pos, at, Changed, "split the file if one is to end before the next begins", "sequence: all inputs are listened to at the same time")
		b.allInputs(e, at, "inputs")
	case "dynamic":
		b.lost(e.Pos, at, "edit the workflow instead", "the HTTP interface of dynamic")
		b.allInputs(e, at, "inputs", "prefix")
	case "read_until":
		inner, block := sub(e.Value, "input")
		b.lostParts(block, at, e.Key, "tocsin run --max-events N or --for DURATION ends the listening", "input")
		b.input(inner)
	case "batched":
		inner, block := sub(e.Value, "child")
		b.lostParts(block, at, e.Key, "each message is a run of its own", "child")
		b.input(inner)
	case "generate":
		b.generate(e, at)
	default:
		b.lost(e.Pos, at, "a step may ask for it, or a trigger bring it: tocsin providers", "input %s", e.Key)
	}
}

// allInputs takes the inputs that a component has under key.
func (b *benthos) allInputs(e source.Entry, at, key string, known ...string) {
	inner, block := sub(e.Value, key)
	b.lostParts(block, at, e.Key, "the inputs are listened to side by side", append(known, key)...)
	for _, v := range items(inner) {
		b.input(v)
	}
}

// listen makes a trigger of a websocket input.
func (b *benthos) listen(m source.Map, e source.Entry) {
	b.websockets, b.listens = true, true
	at, name := b.triggerPath(), b.named(m, "websocket")
	block, _ := e.Value.Data.(source.Map)
	with := b.carry(block, b.target.Trigger, at, name)
	if _, says := find(block, "auto_replay_nacks"); !says {
		b.note(e.Pos, at+".with", Changed, "auto_replay_nacks: true does so", "a message whose run failed is not run again, as it is in Benthos unless auto_replay_nacks is false")
	}
	entries := []source.Entry{text("type", "websocket"), text("name", name), entry("with", with)}
	if _, ends := find(with, "connection"); ends {
		entries = append(entries, text("cel", `kind == "message"`)) // that it gave up is an event too
	}
	b.trigger(entries...)
}

// generate makes an interval of an input that makes messages.
func (b *benthos) generate(e source.Entry, at string) {
	block, _ := e.Value.Data.(source.Map)
	if m, ok := find(block, "mapping"); ok {
		if text, ok := constant(m.Value.Data); ok {
			b.generated = &text
		} else {
			b.lost(m.Pos, at, "write the message at the action, as a text with {{ }}", "mapping of generate, which is more than a text")
		}
	}
	every, _ := block.Get("interval")
	period, _ := every.Data.(string)
	if d, err := time.ParseDuration(strings.TrimPrefix(period, "@every ")); err == nil && d >= time.Second {
		b.trigger(text("type", "interval"), text("every", d.String()))
	} else if says(every) {
		b.lost(every.Pos, at, "a trigger of type interval, or cron with a timezone", "interval of generate")
	}
	b.lostParts(block, at, e.Key, "a workflow is started by its triggers, or by tocsin run", "interval", "mapping")
}

// constant is the text that a mapping makes of nothing: root = "text".
func constant(mapping any) (string, bool) {
	text, _ := mapping.(string)
	text, ok := strings.CutPrefix(strings.TrimSpace(text), "root = ")
	if !ok || !strings.HasPrefix(text, `"`) {
		return "", false
	}
	text, err := strconv.Unquote(text)
	return text, err == nil
}
