package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/providers"
	"tocsin/templating/value"
)

// saved writes what was said as a workflow that expects the same.
func (d *desk) saved(with *value.Map, result any) error {
	file := d.workflow(with, result)
	if err := writeFirst(d.save, file.document(d.save), d.force); err != nil {
		return err
	}
	fmt.Fprintf(d.stderr, "tocsin: wrote %s, try: tocsin run %s\n", d.save, d.save)
	return nil
}

// writeFirst writes a file that is not there yet, unless it may be overwritten.
func writeFirst(name, text string, force bool) error {
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if !force {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(name, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usage("name another file, or overwrite it with --force", "%s exists", name)
	} else if err != nil {
		return broken(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return broken(err)
	}
	return nil
}

// replaced are parameters that the script says in its own way, because what they did is
// among the frames.
var replaced = []string{
	"data", "message", "messages", "data_base64", "message_type", "use_text_frames", "send_empty",
	"open_message", "open_messages", "open_message_type", "handshake_bodies", "handshake_body", "handshake_pause",
	"script", "query_response", "receive_first", "receive", "receive_timeout", "min_messages", "max_messages",
	"wait_for", "wait_for_regex", "wait_for_contains", "expect_close", "timeout",
}

// workflow is the conversation as a first file.
func (d *desk) workflow(with *value.Map, result any) firstFile {
	w := &workflowWriter{desk: d}
	address := value.Text(firstOf(with, "url", "socket_url"))
	if shown, _ := at(result, "url"); address == "" {
		address = value.Text(shown) // the configuration's
	}
	u, err := url.Parse(address)
	if err != nil {
		u = &url.URL{}
	}
	for key, v := range with.All() {
		if !slices.Contains(replaced, key) {
			w.entry("", key, v, key)
		}
	}
	w.lines = append(w.lines, "timeout: "+patience(d.seen).String())
	expect := websocketExpectations(result)
	if connected, _ := at(result, "connected"); connected == true {
		w.script()
		expect = append([]string{"{{ results.connection }} == true"}, common(result)...)
		if code, _ := at(result, "close", "code"); code != nil {
			if by, _ := at(result, "close", "by"); by == "peer" && !w.answered() {
				w.lines = append(w.lines, "expect_close: ["+value.Text(code)+"]")
			}
		}
	}
	return firstFile{
		id: identifier(u.Hostname()), description: "Whether " + clean(d.mask(u.Host)) + " answers as it did",
		provider: d.provider.Type, config: d.config, with: w.lines, expect: expect, notes: w.notes,
	}
}

func firstOf(m *value.Map, keys ...string) any {
	for _, key := range keys {
		if v, ok := m.Get(key); ok {
			return v
		}
	}
	return ""
}

// patience is a limit that is long enough for what was seen to happen again.
func patience(seen []providers.Frame) time.Duration {
	limit := 10 * time.Second
	if len(seen) > 1 {
		took := seen[len(seen)-1].At.Sub(seen[0].At)
		limit = max(limit, time.Duration(math.Ceil(2*took.Seconds()))*time.Second)
	}
	return min(limit, 24*time.Hour)
}

// A workflowWriter writes the parameters of a step, line by line.
type workflowWriter struct {
	*desk
	lines []string
	notes []string // of what has to be done before it runs
	sent  []string
}

// entry writes a parameter. What has a secret in it is read from the environment.
func (w *workflowWriter) entry(indent, key string, v any, path string) {
	switch v := v.(type) {
	case *value.Map:
		w.lines = append(w.lines, indent+jsonText(key)+":")
		for k, item := range v.All() {
			w.entry(indent+"  ", k, item, path+"_"+k)
		}
	case []any:
		w.lines = append(w.lines, indent+jsonText(key)+":")
		for i, item := range v {
			w.lines = append(w.lines, indent+"  - "+w.scalar(item, fmt.Sprint(path, "_", i+1)))
		}
	default:
		if plainKey(key) {
			w.lines = append(w.lines, indent+key+": "+w.scalar(v, path))
			return
		}
		w.lines = append(w.lines, indent+jsonText(key)+": "+w.scalar(v, path))
	}
}

// scalar is a value on a line.
func (w *workflowWriter) scalar(v any, path string) string {
	text := string(value.AppendJSON(nil, v))
	if s, ok := v.(string); ok {
		text = s
	}
	if w.mask(text) != text {
		return jsonText("{{ secrets." + w.secretNamed(path) + " }}")
	}
	if s, ok := v.(string); ok {
		return jsonText(literally(s))
	}
	return text
}

// notName is what the name of a secret cannot have.
func notName(r rune) rune {
	if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}

// secretNamed is a name for a secret, of which a note says that it is needed.
func (w *workflowWriter) secretNamed(path string) string {
	name := strings.Map(notName, strings.ToUpper("WS_"+path))
	w.notes = append(w.notes, "Needs a secret:           export "+secretVariable(name)+"=...")
	return name
}

// literally is text that is no template.
func literally(text string) string { return strings.ReplaceAll(text, "{{", "{{ '{' }}{") }

func jsonText(text string) string { return string(value.AppendJSON(nil, text)) }

// script writes what was sent and what came, in turns.
func (w *workflowWriter) script() {
	var steps []string
	heard := false
	for _, f := range w.seen {
		step := ""
		switch {
		case f.Kind != "text" && f.Kind != "binary":
		case f.Sent:
			step = w.sending(f)
		default:
			step, heard = w.expecting(f), true
		}
		if step != "" {
			steps = append(steps, "  - "+step)
		}
	}
	if len(steps) > 0 {
		w.lines = append(append(w.lines, "script:"), steps...)
	}
	if !heard && !w.byPeer() {
		w.lines = append(w.lines, "receive: none")
	}
}

func (w *workflowWriter) byPeer() bool {
	return slices.ContainsFunc(w.seen, func(f providers.Frame) bool { return f.Kind == "close" && !f.Sent }) && !w.answered()
}

// answered says that we were the first to close.
func (w *workflowWriter) answered() bool {
	for _, f := range w.seen {
		if f.Kind == "close" {
			return f.Sent
		}
	}
	return false
}

func (w *workflowWriter) sending(f providers.Frame) string {
	text := string(f.Data)
	if !utf8.ValidString(text) {
		return fmt.Sprintf("pause: 0s # a binary message of %d bytes was sent here, which a script cannot have", f.Size)
	}
	w.sent = append(w.sent, text)
	said := w.scalar(strings.ReplaceAll(text, "${", "$${"), fmt.Sprint("SEND_", len(w.sent)))
	if f.Kind == "binary" {
		return "{send: " + said + ", type: binary}"
	}
	return "send: " + said
}

// expecting is what a message has to be like: the same where it says what we have said, or
// what is likely to be said again; what is in it where it is JSON.
func (w *workflowWriter) expecting(f providers.Frame) string {
	text := string(f.Data)
	switch {
	case !utf8.ValidString(text) || w.mask(text) != text:
		return fmt.Sprintf("expr: %s", jsonText("type == '"+f.Kind+"'"))
	case slices.Contains(w.sent, text) && len(text) <= longestEcho, stable(text):
		return "expect: " + jsonText(`\A`+strings.ReplaceAll(regexp.QuoteMeta(text), "\n", `\n`)+`\z`)
	}
	conditions := []string{"type == '" + f.Kind + "'"}
	if v, err := value.DecodeJSON(f.Data); err == nil {
		if m, ok := v.(*value.Map); ok {
			conditions = jsonConditions(m)
		}
	}
	return "expr: " + jsonText(strings.Join(conditions, " and "))
}

// longestEcho is how much of an echo is written down.
const longestEcho = 1000

// jsonConditions are those that bodyExpectations has, as an expression over a message.
func jsonConditions(m *value.Map) []string {
	var all []string
	for key, v := range m.All() {
		if !plainKey(key) || strings.Contains(key, "-") || len(all) == maxBodyExpectations {
			continue
		}
		switch text, is := v.(string); {
		case is && stable(v):
			all = append(all, "json."+key+" == "+strconv.Quote(text))
		case stable(v):
			all = append(all, "json."+key+" == "+strings.ToLower(value.Text(v)))
		case v != nil:
			all = append(all, "json."+key+" != null")
		}
	}
	if len(all) == 0 {
		return []string{"json != null"}
	}
	return all
}
