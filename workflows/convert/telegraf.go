package convert

import (
	"cmp"
	"slices"
	"strings"

	"tocsin/workflows/source"
)

// Telegraf makes a workflow of a configuration of Telegraf: each [[inputs.websocket]] is
// a trigger, one that samples where it has a trigger_body; each [[outputs.websocket]] is
// an action; the rest is notes. The error is a source.Problems, for a file that cannot
// be read or has nothing of the kind.
func Telegraf(file string, raw []byte, t Target) (*Result, error) {
	v, ps := readTOML(file, raw)
	if ps != nil {
		return nil, ps
	}
	c := &telegraf{converter: newConverter(t, file, "Telegraf", telegrafPieces)}
	c.root(v.Data.(source.Map))
	if !c.websockets {
		return nil, refuse(v.Pos, "only such configurations can be converted", "there is no [[inputs.websocket]] and no [[outputs.websocket]] here")
	}
	c.finish()
	return c.result()
}

// A telegraf reads one configuration.
type telegraf struct {
	*converter
	agent      source.Map
	websockets bool
	listens    bool
	parsed     bool           // some of what comes is read as metrics
	tell       []source.Entry // outputs, to be taken once all inputs are known
}

func (t *telegraf) root(root source.Map) {
	agent, _ := root.Get("agent")
	t.agent, _ = agent.Data.(source.Map)
	for _, e := range root {
		block, _ := e.Value.Data.(source.Map)
		switch e.Key {
		case "inputs":
			for _, p := range block {
				t.input(p)
			}
		case "outputs":
			t.tell = append(t.tell, block...)
		case "agent":
			t.agentSettings()
		case "global_tags":
			t.other(e.Pos, "global_tags", "consts: of the workflow, which texts read as {{ consts.name }}")
		case "processors", "aggregators":
			for _, p := range block {
				t.other(p.Pos, e.Key+"."+p.Key, telegrafHint(e.Key))
			}
		default:
			t.other(e.Pos, e.Key, "look for its counterpart with: tocsin explain")
		}
	}
	for _, p := range t.tell {
		t.output(p)
	}
}

func telegrafHint(kind string) string {
	if kind == "aggregators" {
		return "conditions of type threshold and stddev look at lists of values; nothing is summed up over time"
	}
	return "the trigger's filter: and split:, and texts of actions that take parts: {{ alert.parsed.0.fields.value }}"
}

func (t *telegraf) other(pos source.Pos, name, hint string) {
	t.lost(pos, "", hint, "%s", cmp.Or(name, "a key without a name"))
}

// agentSettings notes what the agent does besides, save what its plugins take from it.
func (t *telegraf) agentSettings() {
	for _, e := range t.agent {
		switch e.Key {
		case "interval", "round_interval", "collection_jitter":
		case "debug", "quiet", "logfile", "logtarget", "logformat":
			t.other(e.Pos, "agent."+e.Key, "tocsin run --verbose and --quiet")
		default:
			t.other(e.Pos, "agent."+e.Key, "events are told as they come, one after the other")
		}
	}
}

// input takes the plugins of one type.
func (t *telegraf) input(e source.Entry) {
	for _, plugin := range plugins(e) {
		block, _ := plugin.Data.(source.Map)
		if e.Key == "websocket" {
			t.listen(plugin.Pos, block)
			continue
		}
		t.lost(plugin.Pos, t.triggerPath(), "a step may ask for it: tocsin providers", "inputs.%s", e.Key)
	}
}

// plugins are those of "[[inputs.websocket]]", or of one "[inputs.websocket]".
func plugins(e source.Entry) []source.Value {
	if list, ok := e.Value.Data.([]source.Value); ok {
		return list
	}
	return []source.Value{e.Value}
}

// generic are what every plugin of Telegraf takes, and what takes its place here.
func generic(key string) (hint string, ok bool) {
	switch key {
	case "name_override", "name_prefix", "name_suffix":
		return "an action reads the name as {{ alert.parsed.0.name }}, and can write it otherwise", true
	case "namepass", "namedrop", "namepass_separator", "namedrop_separator", "fieldpass", "fieldinclude", "fielddrop", "fieldexclude",
		"tagpass", "tagdrop", "taginclude", "tagexclude", "metricpass", "pass", "drop":
		return "the trigger's filter: parsed[0].fields.value > 100 leaves events out", true
	case "tags":
		return "consts: of the workflow, which texts read as {{ consts.name }}", true
	case "collection_offset", "precision", "log_level", "startup_error_behavior", "flush_interval", "flush_jitter", "metric_batch_size", "metric_buffer_limit", "order":
		return "events are told as they come", true
	}
	return "", false
}

// listen makes a trigger of a websocket input.
func (t *telegraf) listen(pos source.Pos, block source.Map) {
	t.websockets, t.listens = true, true
	at := t.triggerPath()
	name := identifier(textOf(block, "alias"), "-")
	if name == "" {
		name = "websocket"
	}
	name = t.unique(name)
	block = t.ownKeys(block, at)
	block = t.endless(block, at)
	with := t.carry(block, t.target.Trigger, at, name, "interval", "collection_jitter", "alias", "data_format")
	_, samples := find(with, "trigger_body")
	format := t.format(pos, block, at)
	t.parsed = t.parsed || len(format) > 0
	with = append(with, format...)
	if samples {
		with = append(with, t.rhythm(block)...)
	} else if e, ok := find(block, "interval"); ok {
		t.note(e.Pos, at, Changed, "", "interval means nothing without trigger_body, and is left out")
	}
	with = append(with, entry("emit_errors", false))
	t.trigger(text("type", "websocket"), text("name", name), entry("with", with))
}

// ownKeys notes what is about Telegraf's metrics, and takes it out.
func (t *telegraf) ownKeys(block source.Map, at string) source.Map {
	return slices.DeleteFunc(slices.Clone(block), func(e source.Entry) bool {
		hint, ok := generic(e.Key)
		if ok {
			t.lost(e.Pos, at, hint, "%s", e.Key)
		}
		return ok
	})
}

// endless takes out limits of 0, which are none in Telegraf.
func (t *telegraf) endless(block source.Map, at string) source.Map {
	return slices.DeleteFunc(slices.Clone(block), func(e source.Entry) bool {
		if !strings.HasSuffix(e.Key, "timeout") || !zero(e.Value.Data) || e.Key == "read_timeout" {
			return false
		}
		t.note(e.Pos, at+".with", Changed, "", "%s: without end there is none; the default counts", e.Key)
		return true
	})
}

func zero(v any) bool {
	switch v := v.(type) {
	case int64:
		return v == 0
	case string:
		return v != "" && strings.Trim(v, "0") != v && strings.Trim(v, "0.smhunµ") == ""
	}
	return false
}

// format is how messages are read, which Telegraf does as influx unless it is told
// otherwise.
func (t *telegraf) format(pos source.Pos, block source.Map, at string) source.Map {
	e, ok := find(block, "data_format")
	if !ok || !says(e.Value) {
		t.note(pos, at+".with.data_format", Changed, "data_format: none leaves messages as they are", "data_format is written out: Telegraf's default is influx")
		return source.Map{text("data_format", "influx")}
	}
	return t.carry(source.Map{e}, t.target.Trigger, at, "websocket")
}

// rhythm is when samples are taken.
func (t *telegraf) rhythm(block source.Map) source.Map {
	var with source.Map
	interval, ok := find(block, "interval")
	if !ok {
		interval, ok = find(t.agent, "interval")
	}
	if !ok {
		interval = text("interval", "10s")
	}
	take := source.Map{interval}
	if jitter, ok := find(block, "collection_jitter"); ok {
		take = append(take, source.Entry{Key: "interval_jitter", Pos: jitter.Pos, Value: jitter.Value})
	} else if jitter, ok := find(t.agent, "collection_jitter"); ok && !zero(jitter.Value.Data) {
		take = append(take, source.Entry{Key: "interval_jitter", Pos: jitter.Pos, Value: jitter.Value})
	}
	with = append(with, t.carry(take, t.target.Trigger, t.triggerPath(), "websocket")...)
	if round, _ := t.agent.Get("round_interval"); round.Data != false {
		with = append(with, entry("align", true))
	}
	return with
}

// sent is what actions send: the message as it came.
func (t *telegraf) sent() string {
	if t.listens {
		return "{{ alert.data }}"
	}
	return "{{ inputs.message }}"
}

// output takes the plugins of one type.
func (t *telegraf) output(e source.Entry) {
	for _, plugin := range plugins(e) {
		block, _ := plugin.Data.(source.Map)
		at := t.actionPath()
		files, _ := block.Get("files")
		switch {
		case e.Key == "websocket":
			t.send(plugin.Pos, block, at)
		case e.Key == "file" && slices.ContainsFunc(items(files), func(v source.Value) bool { return v.Data == "stdout" }):
			t.note(plugin.Pos, at, Changed, "", "the message is printed as it came")
			t.action(t.unique("print"), "", "console", source.Map{text("message", t.sent())})
		default:
			t.lost(plugin.Pos, at, "an action may tell it: tocsin providers", "outputs.%s", e.Key)
		}
	}
}

// send makes an action of a websocket output.
func (t *telegraf) send(pos source.Pos, block source.Map, at string) {
	t.websockets = true
	name := identifier(textOf(block, "alias"), "-")
	if name == "" {
		name = "send"
	}
	name = t.unique(name)
	block = t.endless(t.ownKeys(block, at), at+".provider")
	with := t.carry(block, t.target.Action, at+".provider", name, "alias", "read_timeout", "data_format")
	for _, key := range []string{"read_timeout", "data_format"} {
		if e, ok := find(block, key); ok && !zero(e.Value.Data) {
			t.lost(e.Pos, at+".provider", hintFor(key), "%s of outputs.websocket", key)
		}
	}
	with = append(with, text("message", t.sent()), entry("keep_open", true))
	if _, says := find(with, "use_text_frames"); !says {
		with = append(with, entry("use_text_frames", false))
	}
	if _, says := find(with, "use_system_proxy"); !says {
		with = append(with, entry("use_system_proxy", false))
	}
	t.note(pos, at+".provider.with.message", Changed, "put it together of {{ alert.parsed }} where it has to be in another format", "the message is sent as it came, not as metrics that were read and written anew")
	t.action(name, "", "websocket", with)
}

// finish adds what a workflow needs.
func (t *telegraf) finish() {
	start := source.Pos{File: t.file, Line: 1, Col: 1}
	if len(t.triggers) == 0 {
		t.trigger(text("type", "manual"))
		t.inputs = append(t.inputs, input{name: "message", fallback: ""})
		t.note(start, "workflow.triggers.0", Changed, `tocsin run FILE --input message="..."`, "there is no websocket input: the message is an input of the workflow")
	}
	if len(t.actions) == 0 {
		t.note(start, t.actionPath(), Changed, "put here what is to be done with it", "no output could be carried over: each message is printed")
		what := t.sent()
		if t.parsed {
			what = "{{ alert.parsed }}"
		}
		t.action(t.unique("print"), "", "console", source.Map{text("message", what)})
	}
}
