package cmd

import (
	"slices"
	"strings"
	"testing"

	"tocsin/providers"
	"tocsin/providers/all"
	"tocsin/templating/value"
)

// Every parameter of the query is a flag, blocks and what is in them too, and its text is
// in the help.
func TestEveryParameterIsAFlag(t *testing.T) {
	registry := all.Registry()
	c := newWSCommand(&setup{registry: registry})
	var help strings.Builder
	c.SetOut(&help)
	if err := c.Help(); err != nil {
		t.Fatal(err)
	}
	p, _ := registry.Lookup("websocket")
	var visit func(block string, params map[string]any)
	names := 0
	visit = func(block string, params map[string]any) {
		fields, _ := params["properties"].(map[string]any)
		for name, inner := range fields {
			names++
			flag := c.Flags().Lookup(block + name)
			if flag == nil {
				t.Errorf("no flag --%s%s", block, name)
				continue
			}
			if !flag.Hidden && !strings.Contains(help.String(), "--"+block+name+" ") {
				t.Errorf("the help has no --%s%s", block, name)
			}
			if flag.Usage == "" {
				t.Errorf("--%s%s says nothing", block, name)
			}
			if below, ok := inner.(map[string]any); ok && block == "" {
				visit(name+".", below)
			}
		}
	}
	visit("", p.Query.Params.JSON())
	if names < 100 {
		t.Errorf("only %d parameters were found", names)
	}
}

// What is given on the command line becomes what a workflow would say.
func TestParametersOfFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"ws://host", "--connect-timeout=5s"}, `{"connect_timeout":"5s","url":"ws://host"}`},
		{[]string{"host:80/p"}, `{"url":"ws://host:80/p"}`},
		{[]string{"--socket_url", "ws://host"}, `{"socket_url":"ws://host"}`},
		{[]string{"ws://h", "-H", "A: b: c", "--headers", "X=y", "--headers", "{Z: [1, 2]}"}, `{"headers":{"X":"y","Z":[1,2],"A":"b: c"},"url":"ws://h"}`},
		{[]string{"ws://h", "--subprotocols", "a", "--subprotocols", "b"}, `{"subprotocols":["a","b"],"url":"ws://h"}`},
		{[]string{"ws://h", "--tls.skip-cert-verify"}, `{"tls":{"enabled":true,"skip_cert_verify":"true"},"url":"ws://h"}`},
		{[]string{"ws://h", "--tls.skip_cert_verify=false", "--tls.enabled=false"}, `{"tls":{"enabled":"false","skip_cert_verify":"false"},"url":"ws://h"}`},
		{[]string{"ws://h", "--tls.client_certs", "{cert_file: a, key_file: b}"}, `{"tls":{"enabled":true,"client_certs":[{"cert_file":"a","key_file":"b"}]},"url":"ws://h"}`},
		{[]string{"ws://h", "--script", "[{send: a}, {expect: b}]", "--script", "{send: c}"}, `{"script":[{"send":"a"},{"expect":"b"},{"send":"c"}],"url":"ws://h"}`},
		{[]string{"ws://h", "--data", `{"a": 1}`, "-n", "3"}, `{"data":"{\"a\": 1}","url":"ws://h","min_messages":3}`},
	} {
		s := &setup{registry: all.Registry()}
		w := &wsCommand{setup: s, provider: s.talker()}
		command := newWSCommand(s)
		command.ResetFlags()
		w.flags(command)
		if err := command.ParseFlags(c.args); err != nil {
			t.Errorf("%v: %v", c.args, err)
			continue
		}
		with, err := w.with(command.Flags().Args())
		if err != nil {
			t.Errorf("%v: %v", c.args, err)
			continue
		}
		if got := string(value.AppendJSON(nil, with)); got != c.want {
			t.Errorf("%v:\n got %s\nwant %s", c.args, got, c.want)
		}
		if _, err := w.bound(with); err != nil {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

// Nothing that a server sends moves a cursor.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain äöü ✓":           "plain äöü ✓",
		"a\x1b]0;title\x07\nb":  `a\x1b]0;title\x07\nb`,
		"\u009b31m\u202egnp":    `\u009b31m\u202egnp`,
		"tab\there\r\x00\u2028": `tab\there\r\x00\u2028`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q is shown as %s, not %s", text, got, want)
		}
	}
}

// A line is a message, or a command, and nothing is sent by mistake.
func TestTypedLines(t *testing.T) {
	var out strings.Builder
	d := &desk{wsCommand: &wsCommand{setup: &setup{}}, kind: "text", out: &shower{w: &out, form: "frames", mask: func(text string) string { return text }}}
	for line, want := range map[string]string{
		"hello":             "text hello",
		"//slash":           "text /slash",
		"/ping":             "ping",
		"/close":            "close",
		"/close 4001 a b":   "close 4001 a b",
		"/binary 00 ff":     "binary \x00\xff",
		"/binary xyz":       "",
		"/close now":        "",
		"/nope":             "",
		"":                  "",
		"/help":             "",
		"/file /nonexisten": "",
	} {
		f, ok := d.command(line)
		got := ""
		if ok {
			words := []string{f.Kind, string(f.Data), f.Reason}
			if f.Code != 0 {
				words[1] = value.Text(int64(f.Code))
			}
			got = strings.TrimSpace(strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
		}
		if got != want {
			t.Errorf("%q is %q, not %q", line, got, want)
		}
	}
	if !strings.Contains(out.String(), "no command /nope") || !strings.Contains(out.String(), "/binary takes") {
		t.Error(out.String())
	}
}

// What looks the same tomorrow is expected, what does not has to be there.
func TestExpecting(t *testing.T) {
	w := &workflowWriter{desk: &desk{mask: func(text string) string { return strings.ReplaceAll(text, "canary", "***") }}, sent: []string{"echo 12345"}}
	for text, want := range map[string]string{
		"hello (you)": `expect: "\\Ahello \\(you\\)\\z"`,
		"echo 12345":  `expect: "\\Aecho 12345\\z"`,
		"at 20260101": `expr: "type == 'text'"`,
		`{"type":"tick","ok":true,"id":991234,"at":"2026-01-01","x-y":"z","none":null}`: `expr: "json.type == \"tick\" and json.ok == true and json.id != null and json.at != null"`,
		`[1,2]`:      `expect: "\\A\\[1,2\\]\\z"`,
		`{}`:         `expr: "json != null"`,
		"my canary!": `expr: "type == 'text'"`,
		"{{ x }}":    `expr: "type == 'text'"`,
	} {
		if got := w.expecting(providers.Frame{Kind: "text", Data: []byte(text)}); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}
