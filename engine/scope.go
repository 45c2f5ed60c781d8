package engine

import (
	"context"
	"maps"
	"time"

	"tocsin/engine/episode"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// lastRunWindow is how old a run may be for last_workflow_results (spec §3.1).
const lastRunWindow = 24 * time.Hour

// prepare gathers what the texts of the run can see (spec §3.1).
func (r *run) prepare(ctx context.Context) error {
	inputs, err := r.p.Inputs(r.in.Inputs)
	if err != nil {
		return err
	}
	if err := r.arrival(); err != nil {
		return err
	}
	r.steps = value.NewMap(len(r.p.steps) + len(r.p.actions) + 1)
	r.data = make(map[string]any, 14) // what a map of that size has room for without growing
	r.data["steps"], r.data["actions"] = r.steps, r.steps
	r.data["foreach"] = value.NewMap(0)
	r.data["consts"], r.data["inputs"] = r.p.consts, inputs
	r.data["vars"], r.data["aliases"] = nothing, nothing
	r.setAlert(r.alert)
	r.setIncident(r.incident)
	if len(r.p.providers) > 0 {
		r.data["providers"] = r.described()
	}
	if r.p.episode {
		r.data["episode"] = r.firstSight()
	}
	if len(r.p.secrets) > 0 {
		r.data["secrets"] = r.secrets()
	}
	if r.p.lastRun {
		return r.lastRun(ctx)
	}
	return nil
}

// nothing stands for a mapping without keys. Nobody changes it.
var nothing = value.NewMap(0)

// noResults is the list of what no call returned. Nobody changes it.
var noResults any = []any{}

// described is what texts may know of the provider configurations they ask about.
func (r *run) described() *value.Map {
	m := value.NewMap(len(r.p.providers))
	for _, name := range r.p.providers {
		if d, ok := r.Pool.Describe(name); ok {
			m.Set(name, d)
		}
	}
	return m
}

// secrets are those that texts read, as far as there are any. They are masked from
// then on.
func (r *run) secrets() *value.Map {
	m := value.NewMap(len(r.p.secrets))
	for _, name := range r.p.secrets {
		if r.Secret == nil {
			break
		}
		if v, ok := r.Secret(name); ok {
			r.Pool.AddSecrets(v)
			m.Set(name, v)
		}
	}
	return m
}

// lastRun looks up what the last run gave: for each step the list of what its calls
// returned.
func (r *run) lastRun(ctx context.Context) error {
	results := value.NewMap(0)
	r.data["last_workflow_results"] = results
	r.data["last_workflow_run_time"] = nil
	if r.History == nil {
		return nil
	}
	last, err := r.History.LastRun(ctx, r.p.workflow.ID)
	if err != nil || last == nil || r.now().Sub(last.Started) > lastRunWindow {
		return err
	}
	r.data["last_workflow_run_time"] = last.Started
	for _, s := range last.Steps {
		results.Set(s.Name, s.outputs())
	}
	return nil
}

// outputs are what the calls of s returned.
func (s *StepResult) outputs() []any {
	if len(s.Items) == 0 {
		if s.Status != Done {
			return []any{}
		}
		return []any{s.Output}
	}
	list := make([]any, 0, len(s.Items))
	for _, item := range s.Items {
		if item.Status == Done {
			list = append(list, item.Output)
		}
	}
	return list
}

func (r *run) setAlert(m *value.Map) {
	r.alert = m
	setAlert(r.data, m)
}

// setAlert makes m the alert of a scope. Without an alert it is a mapping without
// keys, so that a path into it is missing (spec §3.1).
func setAlert(data map[string]any, m *value.Map) {
	var alert any = value.Object{Map: m}
	if m.Len() == 0 {
		alert = nothing
	}
	data["alert"], data["event"] = alert, alert
}

func (r *run) setIncident(m *value.Map) {
	r.incident = m
	setIncident(r.data, m)
}

func setIncident(data map[string]any, m *value.Map) {
	if m == nil {
		data["incident"] = nil
		return
	}
	data["incident"] = value.Object{Map: m}
}

// A frame is what one item of a step, or a step without foreach, works with.
type frame struct {
	*run
	s             *step
	entry         *value.Map // the step's, under "steps"
	data          map[string]any
	scope, strict templating.Scope // data, and what is missing in parameters is an error
	item          int              // from 1; 0: the step has no foreach
	loop          *value.Map       // "foreach"
	value         any              // the item
	fired         bool
	said          *saying      // what it tells of an alert that lasts; nil: nobody remembers
	past          *episode.Key // the alert that it is of, whose item is gone; nil: it is not
	plain         any          // the parameters of the call
	shown         any          // the same, without secrets
	calls         int          // attempts so far
	left          *Receipt     // of a message that others send; nil: there is none
	noted         *noted
	alone         bool
	published     []value.Entry // names of conditions, while alone
	added         []Field       // enrichments, while alone
}

// frame makes the frame of a step without foreach, or of its first item.
func (r *run) frame(s *step, entry *value.Map) *frame {
	f := &frame{run: r, s: s, entry: entry}
	f.see(r.data)
	f.loop, _ = r.data["foreach"].(*value.Map)
	if r.p.episode && r.Memory != nil {
		f.data["episode"] = r.firstSight()
	}
	f.repeat(r.saying)
	return f
}

func (f *frame) see(data map[string]any) {
	f.data = data
	f.scope = templating.Scope{Data: data, Now: f.Now}
	f.strict = templating.Scope{Data: data, Now: f.Now, Strict: true}
}

// apart gives f a scope of its own, for items that run at the same time.
func (f *frame) apart() *frame {
	f.alone = true
	f.entry = f.entry.Clone()
	steps := f.steps.Clone()
	steps.Set(f.s.Name, f.entry)
	data := maps.Clone(f.data)
	data["steps"], data["actions"] = steps, steps
	f.see(data)
	return f
}

// join makes what f found out known to the rest of the run.
func (r *run) join(f *frame) {
	for _, e := range f.published {
		r.data[e.Key] = e.Value
	}
	if entry, ok := r.steps.Get(f.s.Name); ok {
		for k, v := range f.entry.All() {
			entry.(*value.Map).Set(k, v)
		}
	}
	r.remember(f.added)
}

// begin sets f up for item i of a foreach.
func (f *frame) begin(i int, item any, items []any) {
	f.item, f.value = i+1, item
	f.fired, f.plain, f.calls, f.left = false, nil, 0, nil
	f.said = f.saying
	f.loop = value.MapOf(
		value.Entry{Key: "value", Value: item},
		value.Entry{Key: "items", Value: items},
		value.Entry{Key: "index", Value: int64(i)},
	)
	f.data["foreach"] = f.loop
}

// enter makes the step's entry under "steps", and its variables.
func (r *run) enter(s *step) *value.Map {
	entry := value.NewMap(5)
	entry.Set("provider_parameters", nothing)
	entry.Set("results", noResults)
	vars := s.vars
	if vars == nil {
		vars = nothing
	}
	entry.Set("vars", vars)
	entry.Set("aliases", nothing)
	r.steps.Set(s.Name, entry)
	r.data["vars"], r.data["aliases"] = vars, nothing
	secrets, read := r.data["secrets"].(*value.Map)
	if own, ok := vars.(*value.Map); ok && read {
		secrets = secrets.Clone()
		for k, v := range own.All() {
			secrets.Set(k, v)
		}
		r.data["secrets"] = secrets
	}
	return entry
}

// publish gives a condition's result a name for the rest of the run (spec §3.1).
func (f *frame) publish(name string, v any) {
	f.data[name] = v
	if f.alone {
		f.published = append(f.published, value.Entry{Key: name, Value: v})
	}
}

// withEnv is a scope that also has the variables of the environment that the
// configuration of the step names. What they are is masked from then on.
func (f *frame) withEnv(p *param) *templating.Scope {
	env := value.NewMap(0)
	if f.Getenv != nil {
		for _, name := range p.envNames(nil) {
			if v := f.Getenv(name); v != "" {
				f.Pool.AddSecrets(v)
				env.Set(name, v)
			}
		}
	}
	s := f.strict
	s.Data = maps.Clone(s.Data)
	s.Data["env"] = env
	return &s
}

// envNames appends the NAMEs of {{ env.NAME }} in p.
func (p *param) envNames(names []string) []string {
	if p.text != nil {
		for _, ref := range p.text.Refs() {
			if len(ref.Path) == 2 && ref.Path[0] == "env" {
				names = append(names, ref.Path[1])
			}
		}
	}
	for i := range p.below {
		names = p.below[i].envNames(names)
	}
	return names
}

// configuration renders what the step says about how its provider is opened.
func (f *frame) configuration(ctx context.Context) (source.Value, error) {
	p := f.s.config.inline
	if p.kind == constant {
		return p.value, nil
	}
	return p.render(ctx, f.withEnv(p))
}
