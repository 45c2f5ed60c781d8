package cmd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"tocsin/providers"
	"tocsin/providers/all"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// keepProviders is what Keep's providers take and return, by type
// (spec/keep-providers.json).
type keepProviders map[string]keepProvider

type keepProvider struct {
	Query, Notify *keepOperation
	Subtypes      map[string]keepProvider
}

type keepOperation struct {
	Args   []keepArg
	Extra  bool
	Result string
}

type keepArg struct {
	Name     string
	Type     string
	Required bool
	Options  []any
	Note     string
}

func readProviders(file string) (keepProviders, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var doc struct{ Providers keepProviders }
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	for _, p := range doc.Providers {
		for name, sub := range p.Subtypes {
			if sub.Query != nil && sub.Query.Result == "" && p.Query != nil {
				sub.Query.Result = p.Query.Result
			}
			doc.Providers[name] = sub
		}
	}
	return doc.Providers, nil
}

// A stage has a stand-in for every provider of Keep's: it checks what it is given and
// answers in the shape of the real one.
type stage struct {
	reads map[string]*want // what the workflow reads of the results, by step

	mu     sync.Mutex
	wrongs []string
}

// registry are the stand-ins. Those of providers that this build has keep the real
// one's descriptions, so that workflows are checked against these.
func (s *stage) registry(ps keepProviders) *providers.Registry {
	real := all.Registry()
	var list []providers.Provider
	for typ, p := range ps {
		if typ == "keep" {
			continue // the real one: nobody outside is asked
		}
		stand := s.provider(typ, p)
		if r, ok := real.Lookup(typ); ok {
			describe(stand.Query, r.Query)
			describe(stand.Notify, r.Notify)
		}
		list = append(list, stand)
	}
	return providers.NewRegistry(list...)
}

func describe(o, real *providers.Operation) {
	if o != nil && real != nil {
		o.Params, o.Result, o.Message = real.Params, real.Result, real.Message
	}
}

func (s *stage) provider(typ string, p keepProvider) providers.Provider {
	d := providers.Definition[struct{}]{Type: typ, Message: "message"}
	call := func(kind workflows.Kind, o *keepOperation) providers.Method[struct{}] {
		return providers.Call(func(_ struct{}, ctx context.Context, with source.Value) (any, error) {
			args, _ := with.Plain().(*value.Map)
			step := providers.OriginOf(ctx).Step
			if wrong := o.check(args, kind); wrong != "" {
				s.mu.Lock()
				s.wrongs = append(s.wrongs, fmt.Sprintf("%s: %s: %s", step, typ, wrong))
				s.mu.Unlock()
			}
			if typ == "datadog" && kind == workflows.Query {
				return logsAnswer(providers.OriginOf(ctx).Note, o, args, s.reads[step]), nil
			}
			return answer(typ, kind, o, args, s.reads[step]), nil
		})
	}
	if p.Query != nil {
		d.Query = call(workflows.Query, p.Query)
	}
	if p.Notify != nil {
		d.Notify = call(workflows.Notify, p.Notify)
	}
	return providers.Define(d)
}

// check says what is wrong with the arguments, or "". Templates give text, so that a
// text counts as what it says.
func (o *keepOperation) check(args *value.Map, kind workflows.Kind) string {
	known := map[string]keepArg{}
	for _, a := range o.Args {
		known[a.Name] = a
		if v, ok := get(args, a.Name); a.Required && (!ok || v == nil) {
			return fmt.Sprintf("%s is required", a.Name)
		}
	}
	for k, v := range args.All() {
		a, ok := known[k]
		if !ok {
			a, ok = known[k+"_"]
		}
		switch {
		case !ok && !o.Extra:
			return fmt.Sprintf("it does not take %s", k)
		case ok && v != nil && !a.takes(v):
			return fmt.Sprintf("%s is %s, not %s", k, value.AppendJSON(nil, v), a.Type)
		}
	}
	return ""
}

// get also finds an argument whose name is a word of Python, and so has an underscore
// in Keep's providers.
func get(args *value.Map, name string) (any, bool) {
	if v, ok := args.Get(name); ok {
		return v, true
	}
	return args.Get(strings.TrimSuffix(name, "_"))
}

// takes says whether the argument can be v.
func (a keepArg) takes(v any) bool {
	text, isText := v.(string)
	_, isMap := v.(*value.Map)
	_, isList := v.([]any)
	switch strings.TrimSuffix(a.Type, "?") {
	case "int":
		_, err := strconv.Atoi(text)
		_, number := v.(int64)
		return number || isText && (err == nil || text == "")
	case "float":
		_, err := strconv.ParseFloat(text, 64)
		return !isText && !isMap && !isList || err == nil
	case "bool":
		_, yes := v.(bool)
		return yes || isText
	case "list":
		return isList || isText // the text of a list
	case "object":
		return isMap || isList || isText
	case "string":
		return !isMap && !isList || strings.Contains(a.Note, "list") || strings.Contains(a.Note, "mapping")
	case "enum":
		for _, o := range a.Options {
			if fmt.Sprint(o) == value.Text(v) {
				return true
			}
		}
		return len(a.Options) == 0
	}
	return true
}

// answer is what a provider of that type returns.
func answer(typ string, kind workflows.Kind, o *keepOperation, args *value.Map, w *want) any {
	if special, ok := answers[typ]; ok {
		if v, ok := special(kind, args, w); ok {
			return v
		}
	}
	result := o.Result
	if strings.HasPrefix(result, "same") {
		result = "{status, status_code, body}"
	}
	asked := args.Clone()
	asked.Set("provider type", typ) // a description may tell subtypes apart
	out := resultShape(result, asked).answer(w, "result")
	if single, _ := args.Get("single_row"); value.Truthy(single) {
		return first(resultShape("{…}", args).answer(w, "row"), out)
	}
	return out
}

// first is the row that a query for a single one gives: the fields that are read of
// it, since there is no list around it.
func first(row, rows any) any {
	if _, ok := rows.([]any); ok {
		return row
	}
	return rows
}

// answers are those that the description of a result does not say in full.
var answers = map[string]func(kind workflows.Kind, args *value.Map, w *want) (any, bool){
	"console": func(_ workflows.Kind, args *value.Map, _ *want) (any, bool) {
		v, _ := args.Get("message")
		return v, true
	},
	"mock":         mockAnswer,
	"bash":         bashAnswer,
	"python":       pythonAnswer,
	"mysql":        rowsAnswer,
	"postgres":     rowsAnswer,
	"snowflake":    rowsAnswer,
	"servicenow":   recordAnswer,
	"openai":       modelAnswer,
	"anthropic":    modelAnswer,
	"gemini":       modelAnswer,
	"deepseek":     modelAnswer,
	"grok":         modelAnswer,
	"ollama":       modelAnswer,
	"llamacpp":     modelAnswer,
	"vllm":         modelAnswer,
	"litellm":      modelAnswer,
	"github.stars": starsAnswer,
	"s3": func(workflows.Kind, *value.Map, *want) (any, bool) {
		return []any{storedWorkflow, storedWorkflow}, true
	},
	"jiraonprem": func(_ workflows.Kind, args *value.Map, w *want) (any, bool) {
		return resultShape("{issue:{id, key, self}, number_of_issues, ticket_url}", args).answer(w, ""), true
	},
	"http":       bodyAnswer,
	"webhook":    bodyAnswer,
	"clickhouse": rowsAnswer,
}

func mockAnswer(kind workflows.Kind, args *value.Map, _ *want) (any, bool) {
	if kind == workflows.Notify {
		return args, true
	}
	v, _ := args.Get("command_output")
	return v, true
}

func bashAnswer(_ workflows.Kind, args *value.Map, w *want) (any, bool) {
	m := resultShape("{stdout, stderr, return_code}", args).answer(w, "").(*value.Map)
	if w == nil || w.at([]string{"return_code"}).hope == nil {
		m.Set("return_code", int64(0))
	}
	m.Set("stderr", "")
	return m, true
}

// pythonAnswer is the value of the expression, where it is a literal.
func pythonAnswer(_ workflows.Kind, args *value.Map, _ *want) (any, bool) {
	code, _ := args.Get("code")
	v, err := value.ParsePython(value.Text(code))
	return v, err == nil
}

// rowsAnswer are the rows of a query: objects where asked for, else tuples.
func rowsAnswer(_ workflows.Kind, args *value.Map, w *want) (any, bool) {
	single, _ := args.Get("single_row")
	objects, _ := args.Get("as_dict")
	switch {
	case value.Truthy(single):
		return resultShape("row {…}", args).answer(w, "row"), true
	case value.Truthy(objects):
		return resultShape("list of rows", args).answer(w, "row"), true
	}
	return nil, false
}

// recordAnswer is a list of records, or one.
func recordAnswer(kind workflows.Kind, args *value.Map, w *want) (any, bool) {
	_, one := args.Get("incident_id")
	if kind == workflows.Notify || one {
		return resultShape("record {sys_id, number, link, …}", args).answer(w, "record"), true
	}
	return resultShape("list of records", args).answer(w, "record"), true
}

// modelAnswer is a text, or what the asked-for structure says.
func modelAnswer(_ workflows.Kind, args *value.Map, w *want) (any, bool) {
	return resultShape("{response}", args).answer(w, ""), true
}

func starsAnswer(_ workflows.Kind, args *value.Map, w *want) (any, bool) {
	return resultShape("{stars, new_stargazers: [{username, starred_at}], new_stargazers_count, last_stargazer}", args).answer(w, ""), true
}

// bodyAnswer is the answer of a web server, whose body may be anything.
func bodyAnswer(kind workflows.Kind, args *value.Map, w *want) (any, bool) {
	m := resultShape("{status, status_code, body}", args).answer(w, "").(*value.Map)
	m.Set("status", true)
	if url, _ := args.Get("url"); strings.HasSuffix(value.Text(url), ".yml") || strings.HasSuffix(value.Text(url), ".yaml") {
		m.Set("body", storedWorkflow)
	}
	return m, kind == workflows.Query
}

// storedWorkflow has templates of its own, which nobody renders on the way.
const storedWorkflow = `workflow:
  id: stored
  actions:
    - name: tell
      provider: {type: console, with: {message: "{{ alert.name }} & keep.len('abc')"}}
`

// logsAnswer also notes the time it looked at, as Keep's does.
func logsAnswer(note func(string, any), o *keepOperation, args *value.Map, w *want) any {
	note("from", int64(1714720089000))
	note("to", int64(1714979289000))
	return resultShape(o.Result, args).answer(w, "log")
}
