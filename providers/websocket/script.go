package websocket

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
)

// A ScriptStep is one of a script: it sends, waits for a message, or lets time pass.
type ScriptStep struct {
	Send    any              `param:"send" doc:"Message to send; a mapping or list is sent as JSON. In its texts ${1} and ${name} are the groups that regular expressions before it found."`
	Type    *string          `param:"type" enum:"auto,text,binary" doc:"Frame type of what is sent."`
	Expect  *string          `param:"expect" doc:"Regular expression (RE2) that the next message has to match."`
	Expr    schema.Predicate `param:"expr" names:"data=text,json,type=text,size=number,index=number,elapsed_ms=number,messages=list,headers=mapping,subprotocol=text,vars=run" doc:"Expression that has to hold about the next message."`
	Pause   *time.Duration   `param:"pause" doc:"Time to let pass."`
	Timeout *time.Duration   `param:"timeout" doc:"Time for this step; what is left if absent."`
	Skip    bool             `param:"skip" doc:"Pass over messages that do not match, instead of failing at the first."`
}

// A QueryResponse is a step as blackbox_exporter has it: a message that has to match, and
// what to send then.
type QueryResponse struct {
	Expect   string `param:"expect" doc:"Regular expression (RE2) that the next message has to match."`
	Send     any    `param:"send" doc:"Message to send then; ${1} and ${name} are the groups that the expressions so far found."`
	StartTLS bool   `param:"starttls" doc:"Refused: a websocket has its TLS from the beginning."`
}

// An act is a step of a script, checked.
type act struct {
	name    string // script[2]
	send    any    // not nil: send this
	typ     string
	expect  *regexp.Regexp
	expr    func(*arrival) (bool, error)
	pause   time.Duration
	timeout time.Duration // 0: what is left
	skip    bool
}

// hears says that a waits for a message.
func (a *act) hears() bool { return a.expect != nil || a.expr != nil }

const maxScript = 1000

// readScript checks a script, in either of its forms.
func readScript(steps []ScriptStep, pairs []QueryResponse) (acts []act, err error) {
	if len(steps) > 0 && len(pairs) > 0 {
		return nil, invalid("only one of script and query_response may be given")
	}
	if len(steps) > maxScript || len(pairs) > maxScript {
		return nil, invalid("a script has %d steps at most", maxScript)
	}
	r := scriptReader{groups: map[string]bool{}}
	for i, s := range steps {
		if err := r.step(fmt.Sprintf("script[%d]", i), s); err != nil {
			return nil, err
		}
	}
	for i, p := range pairs {
		name := fmt.Sprintf("query_response[%d]", i)
		if p.StartTLS {
			return nil, invalid("%s: starttls is not for websockets; write a wss:// address", name)
		}
		if p.Expect != "" {
			err = r.step(name, ScriptStep{Expect: &p.Expect})
		}
		if err == nil && p.Send != nil && p.Send != "" {
			err = r.step(name, ScriptStep{Send: p.Send})
		}
		if err != nil {
			return nil, err
		}
	}
	return r.acts, nil
}

// A scriptReader remembers which groups there are.
type scriptReader struct {
	acts   []act
	groups map[string]bool
}

func (r *scriptReader) step(name string, s ScriptStep) (err error) {
	a := act{name: name, send: s.Send, typ: or(s.Type, ""), pause: or(s.Pause, 0), skip: s.Skip}
	if a.typ == "" {
		a.typ = "auto"
	}
	if a.timeout, err = (limit{name: name + ".timeout", given: s.Timeout}).or(0); err != nil {
		return err
	}
	kinds := 0
	for _, is := range []bool{s.Send != nil, or(s.Expect, "") != "", s.Expr.Text != "", s.Pause != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return invalid("%s: a step has one of send, expect, expr and pause", name)
	case a.pause < 0 || a.pause > longest:
		return invalid("%s: pause must be between 0 and 24h", name)
	case a.skip && s.Send != nil || a.skip && s.Pause != nil:
		return invalid("%s: skip is for expect and expr", name)
	}
	if text := or(s.Expect, ""); text != "" {
		if a.expect, err = regexp.Compile(text); err != nil {
			return invalid("%s: %s; patterns are those of RE2", name, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		r.add(a.expect)
	}
	if a.expr, err = asked(name+".expr", s.Expr); err != nil {
		return err
	}
	if err := r.known(name, s.Send); err != nil {
		return err
	}
	r.acts = append(r.acts, a)
	return nil
}

func (r *scriptReader) add(pattern *regexp.Regexp) {
	for i, name := range pattern.SubexpNames() {
		r.groups[strconv.Itoa(i)] = true
		if name != "" {
			r.groups[name] = true
		}
	}
}

// known refuses groups that no expression before has.
func (r *scriptReader) known(name string, send any) error {
	var missing string
	_ = inTexts(send, func(text string) string {
		return expand(text, func(group string) string {
			if !r.groups[group] && missing == "" {
				missing = group
			}
			return ""
		})
	})
	if missing != "" {
		return invalid("%s: no expect before it has a group %q; for ${%s} as it stands write $${%s}", name, missing, missing, missing)
	}
	return nil
}

// inTexts is v with change made to every text in it.
func inTexts(v any, change func(string) string) any {
	switch v := v.(type) {
	case string:
		return change(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = inTexts(v[i], change)
		}
		return out
	case *value.Map:
		out := value.NewMap(v.Len())
		for key, item := range v.All() {
			out.Set(key, inTexts(item, change))
		}
		return out
	}
	return v
}

// expand replaces ${group} by what get says; $${ is ${ itself.
func expand(text string, get func(group string) string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	var out strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		if i > 0 && text[i-1] == '$' {
			out.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		group, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed {
			break
		}
		out.WriteString(text[:i] + get(group))
		text = rest
	}
	out.WriteString(text)
	return out.String()
}

// perform does the steps of the script one after the other.
func (q *query) perform(ctx context.Context, acts []act) *Error {
	groups := map[string]string{}
	for i := range acts {
		if failed := q.act(ctx, &acts[i], groups); failed != nil {
			if failed.Code != Cancelled {
				failed.Problem = acts[i].name + ": " + failed.Problem
			}
			return failed
		}
	}
	return nil
}

func (q *query) act(ctx context.Context, a *act, groups map[string]string) *Error {
	deadline := q.transport.deadline
	if a.timeout > 0 {
		deadline = earlier(deadline, time.Now().Add(a.timeout))
	}
	switch {
	case a.hears():
		return q.await(ctx, a, groups, deadline)
	case a.send == nil:
		return q.pause(ctx, a.pause)
	}
	said := settings{}
	text := inTexts(a.send, func(text string) string {
		return expand(text, func(group string) string { return groups[group] })
	})
	if err := said.addData(text, a.typ, true); err != nil {
		return fault(ConfigInvalid, err, "%v", err)
	}
	return q.writeBy(ctx, said.payloads, deadline)
}

// await reads until a message matches, or says what was wrong with the first.
func (q *query) await(ctx context.Context, a *act, groups map[string]string, deadline time.Time) *Error {
	q.transport.leash.until(earlier(deadline, q.receiveDeadline()))
	q.transport.stream.waiting = true
	defer func() { q.transport.stream.waiting = false }()
	for {
		m, failed := q.hear(ctx)
		if failed != nil {
			return failed
		}
		matched, why := a.matches(m, groups)
		switch {
		case matched:
			q.answered(m)
			return nil
		case !a.skip:
			q.answer = m.index
			return fault(AssertionFailed, nil, "the message %s %s", q.transport.begins(m.data), why)
		case q.received.Messages >= q.set.maxMessages:
			return q.tooMany()
		}
	}
}

// matches says whether a message is the one that a waits for, notes the groups that
// were found in it, and says what is wrong with it if it is not.
func (a *act) matches(m *arrival, groups map[string]string) (matched bool, why string) {
	if a.expect == nil {
		held, err := a.expr(m)
		if err != nil {
			return false, "cannot be judged: " + err.Error()
		}
		return held, "is not what expr wants"
	}
	found := a.expect.FindStringSubmatch(m.text())
	if found == nil {
		return false, "does not match " + strconv.Quote(a.expect.String())
	}
	for group := range groups {
		if _, err := strconv.Atoi(group); err == nil {
			delete(groups, group)
		}
	}
	for i, name := range a.expect.SubexpNames() {
		groups[strconv.Itoa(i)] = found[i]
		if name != "" {
			groups[name] = found[i]
		}
	}
	return true, ""
}

// hearing says that one of the steps waits for a message.
func hearing(acts []act) bool {
	return slices.ContainsFunc(acts, func(a act) bool { return a.hears() })
}
