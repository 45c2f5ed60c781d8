package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"tocsin/providers"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// eventOps are the operations of Keep's cases that are about what starts a workflow.
var eventOps = map[string]func(c keepCase, keep bool) (*value.Map, error){
	"match_alert":     keepCase.matchAlert,
	"match_incident":  keepCase.matchIncident,
	"filters_to_cel":  keepCase.filtersToCEL,
	"preprocess_cel":  keepCase.preprocessCEL,
	"parse_interval":  keepCase.interval,
	"parse_disabled":  keepCase.disabled,
	"permissions":     keepCase.permitted,
	"normalize_alert": func(c keepCase, _ bool) (*value.Map, error) { return c.alert(nil, nil) },
}

// TestKeepEvents runs Keep's cases about triggers in both modes: with compat: keep all
// that is "must" or "quirk" comes out as in Keep; by default what is "must" does, and
// where there is a fix, that.
func TestKeepEvents(t *testing.T) {
	text, err := os.ReadFile("testdata/keep_events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n"))[1:] {
		v, err := value.DecodeJSON(line)
		if err != nil {
			t.Fatal(err)
		}
		c := keepCase{v.(*value.Map)}
		for _, keep := range []bool{false, true} {
			want := c.wanted(keep)
			if want == nil {
				continue
			}
			mode := map[bool]string{false: "ours", true: "keep"}[keep]
			ran[c.text("op")+" "+mode]++
			t.Run(mode+"/"+c.text("id"), func(t *testing.T) {
				got, err := eventOps[c.text("op")](c, keep)
				if wrong := c.differs(want, got, err); wrong != "" {
					t.Errorf("%s\n%s: %s", c.text("name"), c.text("class"), wrong)
				}
			})
		}
	}
	for op, n := range ran {
		t.Logf("%s: %d", op, n)
	}
}

// seconds and weeks are what Keep refuses in an interval (spec B-16).
var secondsOrWeeks = regexp.MustCompile(`^\s*\d+\s*[sw]$`)

// wanted is what must come out; nil where anything may.
func (c keepCase) wanted(keep bool) *value.Map {
	want, fix, class := c.at("expect"), c.at("fix", "expect"), c.text("class")
	switch {
	case keep && class == "bug", !keep && fix == nil && class != "must":
		return nil
	case keep:
		return want
	case fix != nil:
		return fix
	}
	if text := text(c.at("input", "workflow"), "interval"); secondsOrWeeks.MatchString(text) {
		d, _ := workflows.ParseInterval(text)
		return value.MapOf(value.Entry{Key: "seconds", Value: int64(d / time.Second)})
	}
	return want
}

func (c keepCase) differs(want, got *value.Map, err error) string {
	if _, fails := want.Get("error"); fails != (err != nil) {
		return fmt.Sprintf("error %v, and %s", err, value.AppendJSON(nil, got))
	}
	if err != nil {
		return ""
	}
	for k, v := range want.All() {
		if have, _ := got.Get(k); !value.Equal(plain(have), plain(v)) {
			return fmt.Sprintf("%s is %s, not %s", k, value.AppendJSON(nil, have), value.AppendJSON(nil, v))
		}
	}
	return ""
}

// compiled is a workflow with the given keys.
func compiledOf(keep bool, keys ...value.Entry) (*Program, error) {
	workflow := value.MapOf(
		value.Entry{Key: "id", Value: "w"},
		value.Entry{Key: "actions", Value: []any{value.MapOf(
			value.Entry{Key: "name", Value: "a"}, value.Entry{Key: "provider", Value: value.MapOf(value.Entry{Key: "type", Value: "mock"})},
		)}},
	)
	if keep {
		workflow.Set("compat", "keep")
	}
	for _, e := range keys {
		workflow.Set(e.Key, e.Value)
	}
	// JSON is YAML.
	f, err := workflows.Parse("w.yaml", value.AppendJSON(nil, value.MapOf(value.Entry{Key: "workflow", Value: workflow})))
	if err != nil {
		return nil, err
	}
	r := &recorder{fails: map[string]int64{}}
	p, _, err := Compile(f.Workflows[0], Library{Providers: providers.NewRegistry(r.providers()...), Functions: Functions()})
	return p, err
}

func (c keepCase) input(key string) value.Entry {
	v, _ := c.at("input").Get(key)
	return value.Entry{Key: key, Value: v}
}

// queued is what Match and a Matcher find, which is the same. What cannot be compiled
// is not there to be found.
func (c keepCase) queued(keep bool, a Arrival, keys ...value.Entry) (*value.Map, error) {
	p, err := compiledOf(keep, keys...)
	var problems source.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, err
	}
	out := value.MapOf(value.Entry{Key: "queued", Value: int64(0)})
	if p == nil {
		return out, nil
	}
	found := Match([]*Program{p}, a)
	if again := NewMatcher([]*Program{p}).Match(a); len(again) != len(found) {
		return nil, fmt.Errorf("Match finds %d, a Matcher %d", len(found), len(again))
	}
	out.Set("queued", int64(len(found)))
	if len(found) > 0 {
		alert := found[0].Input("r").Alert
		for _, k := range []string{"severity_changed", "previous_severity", "severity_change"} {
			if v, ok := alert[k]; ok {
				out.Set(k, v)
			}
		}
	}
	return out, nil
}

func (c keepCase) matchAlert(keep bool) (*value.Map, error) {
	a := Arrival{Kind: "alert", Fields: fields(c.at("input"), "alert"), Now: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)}
	if list, ok := c.input("previous").Value.([]any); ok && len(list) > 0 {
		a.Previous = map[string]any{}
		for k, v := range list[len(list)-1].(*value.Map).All() {
			a.Previous[k] = v
		}
	}
	return c.queued(keep, a, c.input("triggers"))
}

func (c keepCase) matchIncident(keep bool) (*value.Map, error) {
	a := Arrival{Kind: "incident", Event: text(c.at("input"), "event")}
	return c.queued(keep, a, c.input("triggers"), c.input("disabled"))
}

func (c keepCase) filtersToCEL(bool) (*value.Map, error) {
	cel, err := KeepFilters(c.input("filters").Value)
	return value.MapOf(value.Entry{Key: "cel", Value: cel}), err
}

func (c keepCase) preprocessCEL(bool) (*value.Map, error) {
	return value.MapOf(value.Entry{Key: "cel", Value: templating.KeepSeverities(text(c.at("input"), "cel"))}), nil
}

func (c keepCase) interval(keep bool) (*value.Map, error) {
	p, err := compiledOf(keep, c.at("input", "workflow").Entries()...)
	if err != nil {
		return nil, err
	}
	seconds := any(int64(0))
	for _, t := range p.Workflow().Triggers {
		if v, ok := key(t, "value"); ok && t.Type.S == "interval" {
			d, err := workflows.ParseInterval(v.Data)
			if err != nil {
				return nil, err
			}
			if seconds = int64(d / time.Second); v.Data == true {
				seconds = true // as the case has it
			}
		}
	}
	return value.MapOf(value.Entry{Key: "seconds", Value: seconds}), nil
}

func (c keepCase) disabled(keep bool) (*value.Map, error) {
	p, err := compiledOf(keep, c.at("input", "workflow").Entries()...)
	if err != nil {
		return nil, err
	}
	return value.MapOf(value.Entry{Key: "disabled", Value: p.Workflow().Disabled}), nil
}

func (c keepCase) permitted(keep bool) (*value.Map, error) {
	p, err := compiledOf(keep, c.input("permissions"))
	if err != nil {
		return nil, err
	}
	in := c.at("input")
	return value.MapOf(value.Entry{Key: "allowed", Value: Allowed(p.Workflow(), text(in, "email"), text(in, "role"))}), nil
}
