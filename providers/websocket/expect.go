package websocket

import (
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
)

// Expected is what a message has to be like (spec/websocket.md §2.3).
type Expected struct {
	WaitFor         schema.Predicate `param:"wait_for" names:"data=text,json,type=text,size=number,index=number,elapsed_ms=number,messages=list,headers=mapping,subprotocol=text,vars=run" doc:"Wait for the message about which this holds, over data, json, type, size, index (from 0), elapsed_ms, messages (those so far), headers (of the upgrade's answer), subprotocol and vars." example:"json.type == 'tick' and size < 1000"`
	WaitForRegex    *string          `param:"wait_for_regex" doc:"Wait for the message that this regular expression (RE2) matches."`
	WaitForContains *string          `param:"wait_for_contains" doc:"Wait for the message that has this text in it."`
	FailIf          schema.Predicate `param:"fail_if" names:"data=text,json,type=text,size=number,index=number,elapsed_ms=number,messages=list,headers=mapping,subprotocol=text,vars=run" doc:"Fail at the first message about which this holds, over the same names."`
}

// expectations are checked Expected.
type expectations struct {
	wait   func(*arrival) (bool, error) // nil: any message will do
	failIf func(*arrival) (bool, error) // nil: none is wrong
}

func (p Expected) setExpectations(s *settings) (err error) {
	regex, contains := or(p.WaitForRegex, ""), or(p.WaitForContains, "")
	given := slices.DeleteFunc([]string{p.WaitFor.Text, regex, contains}, func(text string) bool { return text == "" })
	if len(given) > 1 {
		return invalid("only one of wait_for, wait_for_regex and wait_for_contains may be given")
	}
	switch {
	case regex != "":
		pattern, err := regexp.Compile(regex)
		if err != nil {
			return invalid("wait_for_regex: %s; patterns are those of RE2", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		s.wait = func(a *arrival) (bool, error) { return pattern.MatchString(a.text()), nil }
	case contains != "":
		s.wait = func(a *arrival) (bool, error) { return strings.Contains(a.text(), contains), nil }
	default:
		s.wait, err = asked("wait_for", p.WaitFor)
	}
	if err == nil {
		s.failIf, err = asked("fail_if", p.FailIf)
	}
	return err
}

// asked is a predicate as a question about a message; nil if there is none. Only the
// engine reads expressions, and it does not read configurations.
func asked(name string, p schema.Predicate) (func(*arrival) (bool, error), error) {
	switch {
	case p.Text == "":
		return nil, nil
	case p.Holds == nil:
		return nil, invalid("%s stands in the step itself: expressions of a configuration are not read", name)
	}
	return func(a *arrival) (bool, error) { return p.Holds(a.names(p.Uses)) }, nil
}

// given says that anything is expected.
func (p Expected) given() bool {
	return p.WaitFor.Text != "" || p.FailIf.Text != "" || or(p.WaitForRegex, "") != "" || or(p.WaitForContains, "") != ""
}

// over is p with what it leaves out taken from defaults. What is waited for is one field
// under several names.
func (p Expected) over(defaults Expected) Expected {
	if p.WaitFor.Text != "" || p.WaitForRegex != nil || p.WaitForContains != nil {
		defaults.WaitFor, defaults.WaitForRegex, defaults.WaitForContains = p.WaitFor, p.WaitForRegex, p.WaitForContains
	}
	if p.FailIf.Text != "" {
		defaults.FailIf = p.FailIf
	}
	return defaults
}

// An arrival is a message that came, whole, and its circumstances.
type arrival struct {
	typ      websocket.MessageType
	data     []byte
	index    int
	at       time.Duration // since the beginning
	messages []Message     // those so far, this one included
	response *http.Response

	known map[string]any
}

// names are those that expressions about a message see, as far as uses has them.
func (a *arrival) names(uses []string) map[string]any {
	if a.known == nil {
		a.known = make(map[string]any, len(uses))
	}
	for _, name := range uses {
		if _, has := a.known[name]; !has {
			a.known[name] = a.value(name)
		}
	}
	return a.known
}

func (a *arrival) value(name string) any {
	switch name {
	case "data":
		text, _ := readable(a.typ, a.data)
		return text
	case "json":
		return a.json()
	case "type":
		return typeName(a.typ)
	case "size":
		return int64(len(a.data))
	case "index":
		return int64(a.index)
	case "elapsed_ms":
		return milliseconds(a.at)
	case "messages":
		return value.Of(a.messages)
	case "headers":
		return headersOf(a.response)
	case "subprotocol":
		if a.response != nil {
			return a.response.Header.Get("Sec-WebSocket-Protocol")
		}
		return ""
	}
	return nil
}

// text is the message as expressions see it, and regular expressions.
func (a *arrival) text() string {
	text, _ := a.names([]string{"data"})["data"].(string)
	return text
}

// json is the message read as JSON, nil if it is none.
func (a *arrival) json() any {
	if !couldBeJSON(a.data) {
		return nil
	}
	v, err := value.DecodeJSON(a.data)
	if err != nil {
		return nil
	}
	return v
}

// headersOf are the headers of the upgrade's answer.
func headersOf(response *http.Response) *value.Map {
	m := value.NewMap(8)
	if response == nil {
		return m
	}
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		m.Set(name, strings.ToValidUTF8(strings.Join(response.Header[name], ", "), "\uFFFD"))
	}
	return m
}

// readable is a message as a text, itself or, where it is none, in base64, and how that
// is called.
func readable(typ websocket.MessageType, data []byte) (text, encoding string) {
	if isText(typ, data) {
		return string(data), "utf8"
	}
	return base64.StdEncoding.EncodeToString(data), "base64"
}

// isText says that a message is shown as it is: a text is, unless bad UTF-8 is allowed
// and there is some, and so is a binary one that is a text without NUL.
func isText(typ websocket.MessageType, data []byte) bool {
	return utf8.Valid(data) && (typ == websocket.MessageText || !slices.Contains(data, 0))
}

func typeName(typ websocket.MessageType) string {
	if typ == websocket.MessageBinary {
		return "binary"
	}
	return "text"
}
