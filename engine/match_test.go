package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// TestMatches shows which triggers start their workflows for an event, and the words
// for it: testdata/matches has workflows, what came in, and what came before that.
func TestMatches(t *testing.T) {
	golden(t, "testdata/matches/*.txtar", func(t *testing.T, a *txtar.Archive) string {
		programs, warnings := programsOf(t, section(a, "workflows.yaml"))
		var out strings.Builder
		for _, p := range warnings {
			if p.Code == source.EmptyWorkflow { // they have nothing to do but to match
				continue
			}
			fmt.Fprintf(&out, "%d: %s\n", p.Pos.Line, p.Message)
		}
		for _, f := range a.Files {
			kind, rest, ok := strings.Cut(strings.TrimSuffix(f.Name, ".json"), " ")
			if !ok {
				kind = strings.TrimSuffix(f.Name, ".json")
			}
			if kind != "alert" && kind != "incident" && kind != "stream" {
				continue
			}
			arrival := arrivalOf(t, kind, rest, f.Data, section(a, "previous.json"))
			fmt.Fprintf(&out, "\n%s\n", strings.TrimSpace(kind+" "+rest))
			matchLines(&out, programs, arrival)
		}
		return strings.TrimLeft(out.String(), "\n")
	})
}

// programsOf are the workflows of a file, for providers of which one has a stream of
// alerts.
func programsOf(t testing.TB, text []byte) ([]*Program, source.Problems) {
	t.Helper()
	f, err := workflows.Parse("workflows.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	lib := Library{Providers: providers.NewRegistry(append((&script{}).providers(), tellProvider(), streamProvider())...), Functions: Functions()}
	problems := f.Problems
	var list []*Program
	for _, w := range f.Workflows {
		p, warnings, err := Compile(w, lib)
		if err != nil {
			t.Fatal(err)
		}
		list, problems = append(list, p), append(problems, warnings...)
	}
	return list, problems
}

func arrivalOf(t testing.TB, kind, event string, text, previous []byte) Arrival {
	t.Helper()
	a := Arrival{Kind: kind, Event: event, Fields: jsonFields(t, text), Now: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)}
	if previous != nil && event != "first" {
		a.Previous = jsonFields(t, previous)
	}
	return a
}

func jsonFields(t testing.TB, text []byte) map[string]any {
	t.Helper()
	v, err := value.DecodeJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	for k, e := range v.(*value.Map).All() {
		m[k] = e
	}
	return m
}

// matchLines has a line for each trigger: whether it starts its workflow, and why.
func matchLines(out *strings.Builder, programs []*Program, a Arrival) {
	matched := Match(programs, a)
	for _, p := range programs {
		for i, why := range p.Why(a) {
			verb := "  no  "
			if ok, _ := p.Triggers()[i].Matches(a); ok && !p.Workflow().Disabled {
				verb = "  yes "
			}
			if why == "" {
				why = "(" + p.Triggers()[i].Type + ")"
			}
			fmt.Fprintf(out, "%s%s: %s\n", verb, p.Workflow().ID, why)
		}
	}
	for _, m := range matched {
		fmt.Fprintf(out, "  runs %s", m.Program.Workflow().ID)
		in := m.Input("r")
		for _, k := range []string{"severity_changed", "previous_severity", "severity_change"} {
			if v, ok := in.Alert[k]; ok {
				fmt.Fprintf(out, " %s=%v", k, v)
			}
		}
		out.WriteByte('\n')
	}
}

// TestMatcher: looking up finds what asking everybody finds.
func TestMatcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		var triggers []*Program
		for i := range rapid.IntRange(1, 12).Draw(t, "workflows") {
			triggers = append(triggers, bareProgram(t, i, func() string { return randomTrigger(pick) }))
		}
		m := NewMatcher(triggers)
		for range 4 {
			fields := map[string]any{
				"name": pick("name", "disk", "cpu", "93"), "severity": pick("severity", "low", "high", "critical"),
				"source": []any{pick("source", "a", "b"), pick("more", "b", "c")},
				"load":   rapid.SampledFrom([]any{int64(93), 93.0, "93", true, "True", nil}).Draw(t, "load"),
				"labels": map[string]any{"team": pick("team", "core", "web")},
			}
			a := Arrival{Kind: "alert", Fields: fields}
			want, got := Match(triggers, a), m.Match(a)
			if !slices.EqualFunc(want, got, func(x, y Matched) bool { return x.Program == y.Program && x.Trigger.Pos == y.Trigger.Pos }) {
				t.Fatalf("asking finds %v, looking up %v", idsOf(want), idsOf(got))
			}
		}
	})
}

func idsOf(list []Matched) []string {
	ids := make([]string, len(list))
	for i, m := range list {
		ids[i] = fmt.Sprintf("%s (%s)", m.Program.Workflow().ID, m.Trigger.Pos)
	}
	return ids
}

// bareProgram is a workflow of one or two alert triggers.
func bareProgram(t *rapid.T, i int, trigger func() string) *Program {
	n := rapid.IntRange(1, 2).Draw(t, "triggers")
	text := fmt.Sprintf("workflow:\n  id: w%d\n", i)
	if rapid.Bool().Draw(t, "keep") {
		text += "  compat: keep\n"
	}
	text += "  triggers:\n"
	for range n {
		text += "    - " + trigger() + "\n"
	}
	f, err := workflows.Parse("w.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := Compile(f.Workflows[0], Library{Providers: providers.NewRegistry(), Functions: Functions()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func randomTrigger(pick func(name string, of ...string) string) string {
	if pick("kind", "cel", "filters") == "cel" {
		return fmt.Sprintf("{type: alert, cel: %q}", randomCEL(pick)+pick("and", " && ", " || ")+randomCEL(pick))
	}
	exclude := pick("exclude", "false", "false", "true")
	return fmt.Sprintf("{type: alert, filters: [{key: %s, value: %s, exclude: %s}, {key: %s, value: %s}]}",
		pick("field", "name", "severity", "source", "load", "labels.team"), pick("value", "disk", "a", "HIGH", "93", "93.0", `"93"`, "true", "core", `'r"disk|cpu"'`), exclude,
		pick("field", "name", "source", "load", "nope"), pick("value", "b", "93", `'r".*"'`, `'r".*d.*"'`))
}

func randomCEL(pick func(name string, of ...string) string) string {
	return pick("condition", "name == 'disk'", "name in ['cpu', '93']", "severity >= 'high'", "severity == 'HIGH'", "severity in ['low', 'critical']",
		"source == 'a'", "source.contains('b')", "source != 'c'", "labels.team == 'core'", "load == 93", "load == '93'", "nope == 'x'", "has(load)", "name.startsWith('d')", "true")
}

// BenchmarkMatch is one alert against many workflows with filters, no two of which ask
// for the same, and a tenth of which cannot be looked up. The issue allows 1 ms for
// 10,000.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := NewMatcher(manyPrograms(b, n))
			a := Arrival{Kind: "alert", Now: time.Unix(1714979289, 0), Fields: map[string]any{
				"name": "disk-7", "severity": "critical", "source": []any{"grafana"}, "service": "service-3", "environment": "prod",
				"labels": map[string]any{"team": "team-4", "pct": int64(93)},
			}}
			found := 0
			b.ReportAllocs()
			for b.Loop() {
				found = len(m.Match(a))
			}
			b.ReportMetric(float64(found), "matches")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/workflow")
		})
	}
}

// BenchmarkMatchCommon is one alert against many workflows of which every fortieth
// wants it: nothing that they ask for is rare.
func BenchmarkMatchCommon(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			programs := make([]*Program, n)
			for i := range programs {
				programs[i] = benchProgram(b, i, fmt.Sprintf(`{type: alert, filters: [{key: source, value: source-%d}, {key: severity, value: %s}]}`, i%8, severityWord(fmt.Sprint(1+i%5))))
			}
			m := NewMatcher(programs)
			a := Arrival{Kind: "alert", Fields: map[string]any{"name": "disk-7", "severity": "critical", "source": []any{"source-4"}}}
			for b.Loop() {
				if got := len(m.Match(a)); got < n/40 {
					b.Fatal(got)
				}
			}
		})
	}
}

// BenchmarkMatchAll is the same without looking up: every trigger is asked.
func BenchmarkMatchAll(b *testing.B) {
	programs := manyPrograms(b, 10_000)
	a := Arrival{Kind: "alert", Fields: map[string]any{"name": "disk-7", "severity": "critical", "source": []any{"grafana"}, "service": "service-3"}}
	for b.Loop() {
		Match(programs, a)
	}
}

// manyPrograms have triggers like those of Keep's examples, and others.
func manyPrograms(b *testing.B, n int) []*Program {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	one := func(list ...string) string { return list[random.IntN(len(list))] }
	programs := make([]*Program, n)
	for i := range programs {
		source := one("grafana", "zabbix", "datadog", "sentry", "prometheus", "cloudwatch", "pagerduty", "newrelic")
		severity := one("critical", "high", "warning", "info", "low")
		number := fmt.Sprint(random.IntN(n))
		trigger := ""
		switch i % 10 {
		case 0: // nothing to look up
			trigger = `{type: alert, filters: [{key: name, value: 'r".*isk-` + number + `.*"'}]}`
		case 1, 2:
			trigger = fmt.Sprintf(`{type: alert, filters: [{key: source, value: %s}, {key: severity, value: %s}, {key: labels.team, value: team-%s}]}`, source, severity, number)
		case 3, 4:
			trigger = fmt.Sprintf(`{type: alert, filters: [{key: severity, value: %s}, {key: service, value: 'r"(service-%s|other)"'}]}`, severity, number)
		case 5, 6:
			trigger = fmt.Sprintf(`{type: alert, cel: source.contains("%s") && severity >= "%s" && name == "disk-%s"}`, source, severity, number)
		case 7:
			trigger = fmt.Sprintf(`{type: alert, cel: (source == '%s' || source == 'none') && labels.team == 'team-%s'}`, source, number)
		default:
			trigger = fmt.Sprintf(`{type: alert, filters: [{key: name, value: disk-%s}, {key: source, value: %s, exclude: true}]}`, number, source)
		}
		programs[i] = benchProgram(b, i, trigger)
	}
	return programs
}

func benchProgram(b *testing.B, i int, trigger string) *Program {
	b.Helper()
	f, err := workflows.Parse("w.yaml", fmt.Appendf(nil, "workflow:\n  id: w%d\n  triggers: [%s]\n", i, trigger))
	if err != nil {
		b.Fatal(err)
	}
	p, _, err := Compile(f.Workflows[0], Library{Providers: providers.NewRegistry(), Functions: Functions()})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func TestPreparedSaysWhatIsWrong(t *testing.T) {
	a := Arrival{Kind: "alert", Fields: map[string]any{"name": "x", "lastReceived": "noon"}}
	if _, err := a.Prepared(); err == nil || !strings.Contains(err.Error(), "lastReceived") {
		t.Error(err)
	}
	programs, _ := programsOf(t, []byte("workflow: {id: w, triggers: [{type: alert}]}"))
	if got := Match(programs, a); got != nil {
		t.Errorf("it starts %v", idsOf(got))
	}
	if got := NewMatcher(programs).Match(a); got != nil {
		t.Errorf("it starts %v", idsOf(got))
	}
	if ok, why := programs[0].Triggers()[0].Matches(a); ok || !strings.Contains(why, "noon") {
		t.Error(ok, why)
	}
}

// What a subscription is opened with is read and checked like a step.
func TestSubscription(t *testing.T) {
	programs, _ := programsOf(t, []byte(`workflow: {id: w, triggers: [{type: stream, config: "{{ providers.prod }}", with: {topic: disk}, cel: severity == 'high'}]}`))
	s := programs[0].Triggers()[0].Subscription
	if s == nil || s.Provider.Type != "stream" || s.Config != "prod" || string(value.AppendJSON(nil, s.With.Plain())) != `{"topic":"disk"}` {
		t.Fatalf("%+v", s)
	}
	f, _ := workflows.Parse("w.yaml", []byte(`workflow: {id: w, triggers: [{type: stream, with: {topc: disk}, cell: x, config: {a: b}}, {type: tell}]}`))
	_, warnings, err := Compile(f.Workflows[0], Library{Providers: providers.NewRegistry(tellProvider(), streamProvider()), Functions: Functions()})
	var problems source.Problems
	errors.As(err, &problems)
	var got []string
	for _, p := range append(warnings, problems...) {
		got = append(got, p.Message+"; "+p.Hint)
	}
	want := []string{
		`no trigger of type "tell", it is ignored; tell has no alerts to subscribe to; types are manual, interval, cron, alert, incident and stream`,
		`unknown parameter "topc" of stream; did you mean "topic"?`,
		`unknown key "cell"; did you mean "cel"?`,
		`a trigger takes a configuration by its name; write config: "{{ providers.stream }}"`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// streamProvider has a stream of alerts.
func streamProvider() providers.Provider {
	type params struct {
		Topic string `param:"topic" doc:"What to listen to."`
	}
	return providers.Define(providers.Definition[struct{}]{
		Type: "stream", Subscribe: providers.Listen(func(struct{}, context.Context, params, func(providers.Alert) error) error { return nil }),
	})
}

// tellProvider takes any message.
func tellProvider() providers.Provider {
	return providers.Define(providers.Definition[struct{}]{
		Type: "tell", Notify: providers.Call(func(struct{}, context.Context, source.Value) (any, error) { return nil, nil }),
	})
}
