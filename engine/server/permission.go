package server

import (
	"fmt"
	"slices"
	"strings"
)

// A permission is what a caller needs for a route. The zero permission is nobody's.
type permission int

const (
	denied         permission = iota
	public                    // everybody's
	reading                   // look at workflows, runs and alerts
	measuring                 // the metrics
	ingesting                 // bring alerts and incidents
	running                   // start runs
	operating                 // acknowledge, silence, enrich, retry
	authoring                 // change workflows
	administrating            // keys and everything else
)

// A scope is a permission that a key can be narrowed to, by name.
type scope struct {
	name string
	permission
}

// scopes are all of them.
func scopes() []scope {
	return []scope{
		{"read", reading}, {"metrics", measuring}, {"ingest", ingesting}, {"run", running},
		{"operate", operating}, {"author", authoring}, {"admin", administrating},
	}
}

// name is the scope of p.
func (p permission) name() string {
	for _, s := range scopes() {
		if p == s.permission {
			return s.name
		}
	}
	return [...]string{denied: "denied", public: "public"}[p]
}

// A Role is what a key may do, by name.
type Role struct {
	Name string
	Doc  string
	may  []permission
}

// Roles are all of them: ours, each with what those before it may, then narrow ones, and
// those of Keep (spec §10.1).
func Roles() []Role {
	viewer := []permission{reading, measuring}
	operator := append(slices.Clone(viewer), ingesting, running, operating)
	author := append(slices.Clone(operator), authoring)
	return []Role{
		{"viewer", "sees everything but keys", viewer},
		{"operator", "acknowledges, silences, starts runs, brings alerts", operator},
		{"author", "changes workflows", author},
		{"admin", "everything, keys too", append(slices.Clone(author), administrating)},
		{"ingest", "brings alerts, and nothing else", []permission{ingesting}},
		{"metrics", "reads /metrics, and nothing else", []permission{measuring}},
		{"noc", "Keep's: sees, and starts runs", []permission{reading, running}},
		{"webhook", "Keep's: brings alerts and incidents", []permission{ingesting}},
		{"workflowrunner", "Keep's: changes workflows and starts runs", []permission{running, authoring}},
	}
}

func roleOf(name string) (Role, bool) {
	all := Roles()
	i := slices.IndexFunc(all, func(r Role) bool { return r.Name == name })
	if i < 0 {
		return Role{}, false
	}
	return all[i], true
}

func roleNames() []string {
	var names []string
	for _, r := range Roles() {
		names = append(names, r.Name)
	}
	return names
}

// checkGrant says what is wrong with a role and scopes that narrow it.
func checkGrant(role string, narrow []string) error {
	r, ok := roleOf(role)
	if !ok {
		return fmt.Errorf("no role %q: there are %s", role, strings.Join(roleNames(), ", "))
	}
	for _, name := range narrow {
		i := slices.IndexFunc(scopes(), func(s scope) bool { return s.name == name })
		switch {
		case i < 0:
			return fmt.Errorf("no scope %q: there are %s", name, strings.Join(scopeNames(), ", "))
		case !slices.Contains(r.may, scopes()[i].permission):
			return fmt.Errorf("the role %q does not have the scope %q", role, name)
		}
	}
	return nil
}

func scopeNames() []string {
	var names []string
	for _, s := range scopes() {
		names = append(names, s.name)
	}
	return names
}

// A caller is who makes a request.
type caller struct {
	id    string // of the key; "": there is none
	name  string
	role  string
	may   []permission
	local bool // of this machine, where no key is needed
}

func (c caller) can(p permission) bool { return p == public || slices.Contains(c.may, p) }

// granted is what a role may, narrowed to scopes if there are some.
func granted(role string, narrow []string) []permission {
	r, _ := roleOf(role)
	if len(narrow) == 0 {
		return r.may
	}
	return slices.DeleteFunc(slices.Clone(r.may), func(p permission) bool { return !slices.Contains(narrow, p.name()) })
}
