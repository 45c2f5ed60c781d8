package workflows

import (
	"slices"

	"tocsin/workflows/source"
)

// Parse reads a workflow file, with settings applied. The error is a
// source.Problems with every problem that can be seen without knowing the
// providers; warnings are in File.Problems. Beside an error, the File has what could
// be read, so that more problems can be found in it; it must not be run.
//
// A file that has only "actions:" or "providers:" is one of shared things and has no
// Workflows.
func Parse(name string, text []byte, settings ...Setting) (*File, error) {
	trees, problems := source.Read(name, text)
	r := &reader{problems: problems, shared: map[string]source.Value{}}
	if problems.Err() == nil {
		r.apply(name, trees, settings)
	}
	f := r.file(name, trees)
	if len(trees) == 0 && problems.Err() == nil {
		r.problem(source.Pos{File: name, Line: 1, Col: 1}, source.NoWorkflow, `"tocsin init" writes a first one`, "the file is empty")
	}
	f.Problems = r.done()
	return f, f.Problems.Err()
}

// file reads all documents: first what they share, so that workflows can use it
// wherever it stands.
func (r *reader) file(name string, trees []source.Value) *File {
	f := &File{Name: name}
	if len(trees) > 0 {
		f.Text = trees[0].Whole()
	}
	docs := make([]*document, 0, len(trees))
	for _, tree := range trees {
		if d, ok := r.document(tree); ok {
			docs = append(docs, d)
			r.share(f, d)
		}
	}
	for _, d := range docs {
		r.workflows(f, d)
	}
	r.checkIDs(f.Workflows)
	return f
}

// document reads a tree, or reports that it is none. What is not below a key of its
// own is a workflow itself (spec §1.2).
func (r *reader) document(tree source.Value) (*document, bool) {
	m, ok := tree.Data.(source.Map)
	switch {
	case tree.Data == nil:
		return nil, false
	case !ok:
		r.problem(tree.Pos, source.WrongType, `a workflow starts with "workflow:" or "alert:"`, "a workflow file is a mapping, not %s", describe(tree))
		return nil, false
	}
	d := &document{}
	if isWorkflow(m) {
		d.bare = tree
		return d, true
	}
	documentTable.read(r, tree, d)
	d.guess(m)
	r.checkForms(d, m)
	return d, true
}

// forms are the keys that workflows stand below. The first that is there and not
// empty has them.
var forms = []string{"workflows", "alerts", "workflow", "alert"}

// isWorkflow tells a workflow that stands below no key from a document that has one,
// if misspelt, and from a file of shared things.
func isWorkflow(m source.Map) bool {
	own := len(m) == 0
	for _, e := range m {
		if slices.Contains(forms, e.Key) || misspelt(e.Key) != "" {
			return false
		}
		own = own || documentTable.find(e.Key) < 0
	}
	return own
}

// misspelt is the form that key was meant to be, if it can be nothing else.
func misspelt(key string) string {
	if workflowTable.find(key) >= 0 || documentTable.find(key) >= 0 {
		return ""
	}
	return source.Nearest(key, forms)
}

// guess takes what stands below a misspelt form as what was meant, to find what else
// is wrong.
func (d *document) guess(m source.Map) {
	for _, e := range m {
		if form := misspelt(e.Key); form != "" && e.Value.Data != nil {
			k := &documentTable.keys[documentTable.find(form)]
			if is(k.kind, e.Value) {
				k.read(nil, d, e.Value)
			}
		}
	}
}

// checkForms reports forms that have nothing below them, and those that another one
// hides.
func (r *reader) checkForms(d *document, m source.Map) {
	winner := ""
	for _, form := range forms {
		i := slices.IndexFunc(m, func(e source.Entry) bool { return e.Key == form })
		if i < 0 {
			continue
		}
		switch at := m[i].Pos; {
		case m[i].Value.Data == nil:
			r.problem(at, source.MissingKey, "", "there is nothing below %q", form)
		case winner != "":
			r.warn(at, source.NoEffect, "", "%q is ignored beside %q", form, winner)
		default:
			winner = form
		}
	}
}

// workflows reads the workflows of a document into f.
func (r *reader) workflows(f *File, d *document) {
	switch {
	case len(d.workflows) > 0:
		r.list(f, WorkflowForm, d.workflows)
	case len(d.alerts) > 0:
		r.list(f, AlertForm, d.alerts)
	case d.workflow.Data != nil:
		r.workflow(f, WorkflowForm, d.workflow)
	case d.alert.Data != nil:
		r.workflow(f, AlertForm, d.alert)
	case d.bare.Data != nil:
		r.workflow(f, WorkflowForm, d.bare)
	}
}

func (r *reader) list(f *File, form Form, items []source.Value) {
	for _, item := range items {
		r.workflow(f, form, item)
	}
}

// workflow reads one workflow into f.
func (r *reader) workflow(f *File, form Form, v source.Value) {
	w := &Workflow{Pos: v.Pos, Form: form, Strategy: Wait}
	before := len(r.problems)
	if !workflowTable.read(r, v, w) {
		return
	}
	if !slices.ContainsFunc(r.problems[before:], fatal) { // else the steps may be misspelt
		r.checkEmpty(w)
	}
	f.Providers = append(f.Providers, w.connections...)
	r.settleInterval(w)
	w.settleNotify()
	r.checkWorkflow(w)
	f.Workflows = append(f.Workflows, w)
}

// share takes from a document what its workflows may use.
func (r *reader) share(f *File, d *document) {
	if d.providers.Data != nil {
		f.Providers = append(f.Providers, r.connections(d.providers)...)
	}
	for _, item := range d.actions {
		if s := r.sharedAction(item); s != nil {
			f.Actions = append(f.Actions, s)
			r.shared[s.ActionKey()] = item
		}
	}
	r.shareOwn(d.bare)
}

// shareOwn: in a workflow without a wrapper the actions may use each other, since
// they stand where shared ones would.
func (r *reader) shareOwn(bare source.Value) {
	m, _ := bare.Data.(source.Map)
	items, _ := get(m, "actions").Data.([]source.Value)
	for _, item := range items {
		action, _ := item.Data.(source.Map)
		if name := get(action, "name"); scalar(name) && usedBy(Notify, item) == "" {
			r.shared[text(name).S] = item
		}
	}
}
