package convert

import (
	"fmt"

	"tocsin/workflows/source"
)

// output takes an output, whatever it stands in. when says which messages are for it,
// and more what its actions have besides.
func (b *benthos) output(v source.Value, when condition, more ...source.Entry) {
	at := b.actionPath()
	b.part("output", v, at, func(m source.Map, e source.Entry) { b.outputOf(m, e, at, when, more) })
}

func (b *benthos) outputOf(m source.Map, e source.Entry, at string, when condition, more []source.Entry) {
	switch e.Key {
	case "websocket":
		b.websockets = true
		name := b.named(m, "send")
		b.action(name, when.ifText(), "websocket", b.sending(e, at+".provider", name), more...)
	case "stdout":
		b.action(b.named(m, "print"), when.ifText(), "console", source.Map{text("message", b.message)}, more...)
	case "broker":
		b.brokerOutput(e, at, when, more)
	case "dynamic":
		inner, block := sub(e.Value, "outputs")
		b.lostParts(block, at, e.Key, "edit the workflow instead", "outputs", "prefix")
		b.lost(e.Pos, at, "edit the workflow instead", "the HTTP interface of dynamic")
		for _, v := range items(inner) {
			b.output(v, when, more...)
		}
	case "switch":
		b.switchOutput(e, at, when, more)
	case "fallback", "try":
		b.fallback(e, at, when, more)
	case "retry":
		inner, block := sub(e.Value, "output")
		b.output(inner, when, append(more, b.retry(block, at)...)...)
	case "drop_on":
		inner, block := sub(e.Value, "output")
		b.lostParts(block, at, e.Key, "continue_on_error: true goes on when an action fails", "output")
		b.output(inner, when, more...)
	case "reject_errored":
		b.output(e.Value, when, more...)
	case "drop":
		b.note(e.Pos, at, Changed, "", "drop: nothing is told to anyone")
	default:
		b.lost(e.Pos, at, "an action may tell it: tocsin providers", "output %s", e.Key)
	}
}

// sending are the parameters of an action: those of the output, and what an output does
// that an action does not by itself.
func (b *benthos) sending(e source.Entry, at, name string) source.Map {
	block, _ := e.Value.Data.(source.Map)
	with := b.carry(block, b.target.Action, at, name)
	with = append(with, text("message", b.message))
	if _, says := find(with, "message_type"); !says {
		with = append(with, text("message_type", "binary"))
		b.note(e.Pos, at+".with.message_type", Changed, "leave message_type out to send texts as text", "messages are sent in binary frames, as Benthos does")
	}
	return append(with, entry("keep_open", true))
}

// brokerOutput makes an action of each output.
func (b *benthos) brokerOutput(e source.Entry, at string, when condition, more []source.Entry) {
	inner, block := sub(e.Value, "outputs")
	b.lostParts(block, at, e.Key, "each message is a run of its own", "outputs", "pattern", "copies")
	if p, ok := find(block, "pattern"); ok && p.Value.Data != "fan_out" {
		b.note(p.Pos, at, Changed, "actions with if: can share the messages among themselves", "pattern: every action gets every message, one after the other")
	}
	if copies, ok := find(block, "copies"); ok && copies.Value.Data != int64(1) {
		b.note(copies.Pos, at, Changed, "write the action as often as it is to tell", "copies: each output is there once")
	}
	for _, v := range items(inner) {
		b.output(v, when, more...)
	}
}

// switchOutput makes an action of each case, for the messages that no case before has
// taken.
func (b *benthos) switchOutput(e source.Entry, at string, when condition, more []source.Entry) {
	inner, block := sub(e.Value, "cases")
	b.lostParts(block, at, e.Key, "a workflow fails where an action does", "cases")
	rest := when
	for _, v := range items(inner) {
		inner, one := sub(v, "output")
		own := always
		if c, ok := find(one, "check"); ok {
			query, _ := c.Value.Data.(string)
			own = check(query)
			if !own.known {
				b.lost(c.Pos, b.actionPath(), "write it as the action's if: such as\nif: \"{{ alert.json.type }} == 'alarm'\"",
					"the check of a case, without which its action never runs")
			}
		}
		both := rest.and(own)
		if own.known && !both.known {
			b.lost(v.Pos, b.actionPath(), "write the action's if:", "the condition of a case, which depends on all before it, and without which its action never runs")
		}
		b.output(inner, both, more...)
		if on, _ := one.Get("continue"); on.Data != true {
			rest = rest.and(own.not())
		}
	}
}

// fallback makes an action of the first output, and what happens when it fails of the
// second.
func (b *benthos) fallback(e source.Entry, at string, when condition, more []source.Entry) {
	list := items(e.Value)
	for i, v := range list {
		before := len(b.actions)
		switch {
		case i == 0:
			b.output(v, when, more...)
		case i == 1 && b.onFailure.Data == nil:
			b.output(v, always)
			b.asOnFailure(before, at)
		default:
			m, _ := v.Data.(source.Map)
			part, _ := component(m)
			b.lost(v.Pos, at, "on-failure has one action", "the %s of fallback: output %s", ordinal(i), part.Key)
		}
	}
	if len(list) > 1 {
		b.note(e.Pos, "workflow.on-failure", Changed, "", "fallback: on-failure tells when any of the workflow fails")
	}
}

func ordinal(i int) string { return fmt.Sprintf("number %d", i+1) }

// asOnFailure makes the first of the actions since then what runs when the workflow fails.
func (b *benthos) asOnFailure(since int, at string) {
	if len(b.actions) == since {
		return
	}
	for path, texts := range b.comments {
		own := fmt.Sprintf("workflow.actions.%d", since)
		if len(path) > len(own) && path[:len(own)] == own {
			b.comments["workflow.on-failure"+path[len(own):]] = texts
			delete(b.comments, path)
		}
	}
	b.onFailure = b.actions[since]
	for range b.actions[since+1:] {
		b.lost(source.Pos{File: b.file, Line: 1, Col: 1}, at, "on-failure has one action", "more than one output that stands in for another")
	}
	b.actions = b.actions[:since]
}

// retry is how often an action is tried.
func (b *benthos) retry(block source.Map, at string) []source.Entry {
	count := int64(3)
	if v, ok := find(block, "max_retries"); ok {
		if n, _ := v.Value.Data.(int64); n > 0 {
			count = n
		} else {
			b.note(v.Pos, at, Changed, "", "max_retries: 3 attempts more, not without end")
		}
	}
	b.lostParts(block, at, "retry", "retry has count, interval, backoff and jitter", "output", "max_retries", "backoff")
	retry := source.Map{entry("count", count), text("interval", "500ms"), entry("backoff", 1.5)}
	pause, _ := block.Get("backoff")
	m, _ := pause.Data.(source.Map)
	for _, e := range m {
		if s, _ := e.Value.Data.(string); e.Key == "initial_interval" && s != "" {
			if interval, ok := b.text(e.Value, context{path: at, field: "initial_interval"}); ok {
				retry[1] = entry("interval", interval)
			}
			continue
		}
		b.lost(e.Pos, at, "the action's timeout ends it all", "%s of retry", e.Key)
	}
	return []source.Entry{entry("retry", retry)}
}
