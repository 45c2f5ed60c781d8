package server

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"tocsin/engine/store"
)

// What people change is written down before it is answered: who, from where, what, and
// what became of it (reliability.md §6); with what they change in the store, in one
// transaction (store.Audit). So is who was not let in, as far as it does not
// fill the disk. What brings alerts is not: they are kept themselves.

// audited says that who uses the route is written down.
func (r *route) audited() bool {
	switch r.needs {
	case running, operating, authoring, administrating:
		return r.mutates()
	}
	return false
}

// about says what the request is about, where its path does not, and more of it. It comes
// before what the request changes, with which it is written down.
func (c *call) about(object, format string, args ...any) {
	detail := fmt.Sprintf(format, args...)
	c.aboutMade(object, func(store.Made) string { return detail })
}

// aboutMade is about where only the change makes known what there is to say.
func (c *call) aboutMade(object string, detail func(store.Made) string) {
	c.object, c.detail = object, detail
}

// audited has what the request changes in the store written down with the change: either both
// are there or neither.
func (c *call) audited() {
	if c.route.audited() {
		c.entry = &store.Audit{Entry: func(made store.Made) store.AuditEntry { return c.entryOf(made, "done") }}
		c.Request = c.WithContext(store.Audited(c.Context(), c.entry))
	}
}

// entryOf is the entry about a request that came out like that.
func (c *call) entryOf(made store.Made, outcome string) store.AuditEntry {
	e := store.AuditEntry{
		Who: c.who.name, Role: c.who.role, Source: c.s.guard.source(c.Request), Action: c.route.pattern(),
		Object: cmp.Or(c.object, c.named(), made.ID), Outcome: outcome,
	}
	if c.detail != nil {
		e.Detail = c.detail(made)
	}
	return e
}

// audit writes down how the request came out, where that is not written down with what it
// changed. A request that failed after it had changed something has two entries. An error
// means that it could not be written.
func (s *Server) audit(c *call, err error) error {
	if err == nil {
		if !c.route.audited() || c.entry != nil && c.entry.Kept() {
			return nil
		}
		return s.Store.AddAudit(c.kept(), c.entryOf(store.Made{}, "done"))
	}
	p := problemOf(err)
	refused := p.status == http.StatusUnauthorized || p.status == http.StatusForbidden
	if !refused && !c.route.audited() {
		return nil
	}
	e := c.entryOf(store.Made{}, fmt.Sprintf("%d %s", p.status, short(p.detail)))
	if !s.refusals.listed(&e, s.Now()) {
		return nil
	}
	return s.Store.AddAudit(c.kept(), e)
}

// named is what the path names. Tokens are in none of the paths that are written down.
func (c *call) named() string {
	var names []string
	for part := range strings.SplitSeq(c.route.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok && name != "token}" {
			names = append(names, c.PathValue(strings.TrimSuffix(name, "}")))
		}
	}
	return strings.Join(names, " ")
}

// source is the address that a request is from.
func (g *guard) source(r *http.Request) string {
	if onSocket(r.Context()) {
		return "socket"
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil && !g.s.Listen.BehindProxy {
		return host
	}
	return g.address(r)
}

// refusals are written down at first each, then one in a while: whoever is refused could
// fill the disk otherwise.
type refusals struct {
	once    sync.Once
	each    *buckets // by address
	all     *buckets
	mu      sync.Mutex
	skipped int
}

const (
	refusalsEach = 20  // of an address, and one a minute from then on
	refusalsAll  = 200 // of all, and one a minute
)

// listed says that e is to be written down, and adds to it how many were not since.
func (r *refusals) listed(e *store.AuditEntry, now time.Time) bool {
	r.once.Do(func() {
		r.each = &buckets{rate: 1.0 / 60, burst: refusalsEach}
		r.all = &buckets{rate: 1.0 / 60, burst: refusalsAll}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.each.take(e.Source, now) > 0 || r.all.take("", now) > 0 {
		r.skipped++
		return false
	}
	if r.skipped > 0 {
		e.Detail = strings.TrimSpace(fmt.Sprintf("%s (%s before it not listed)", e.Detail, plural(r.skipped, "refusal")))
		r.skipped = 0
	}
	return true
}

func auditRoutes() []route {
	return []route{
		get("/api/v1/audit", administrating, "Who did what, the newest first; and who was not let in.", listAudit).takes(
			text("since", "Not before this time."), number("before", "Before the entry of this number: the next page."), number("limit", "At most so many.")),
		get("/api/v1/audit/verify", administrating, "Whether that is what was written down: the hash of each entry is also that of all before it.", verifyAudit).takes(
			text("head", "A hash that was written down before: whether there still is an entry with it.")),
	}
}

// An auditLine is an entry of the log.
type auditLine struct {
	No      int64     `json:"no"`
	At      time.Time `json:"at"`
	Who     string    `json:"who" doc:"Name of the key; local where none was needed."`
	Role    string    `json:"role"`
	Source  string    `json:"source" doc:"Whence: an address, socket, or the command line."`
	Action  string    `json:"action"`
	Object  string    `json:"object"`
	Detail  string    `json:"detail"`
	Outcome string    `json:"outcome" doc:"done, or the status and why not."`
	Hash    string    `json:"hash" doc:"SHA-256 of the hash before it and of this entry."`
}

func listAudit(c *call) ([]auditLine, error) {
	since, err := c.moment("since")
	if err != nil {
		return nil, err
	}
	limit, err := c.number("limit", 100, 1000)
	if err != nil {
		return nil, err
	}
	before, err := c.number("before", 0, 1<<53)
	if err != nil {
		return nil, err
	}
	all, err := c.s.Store.AuditLog(c.Context(), since, int64(before), max(1, limit))
	list := []auditLine{}
	for _, e := range all {
		list = append(list, auditLine{e.No, e.At, e.Who, e.Role, e.Source, e.Action, e.Object, e.Detail, e.Outcome, e.Hash})
	}
	return list, err
}

// An auditProof is whether the log is what was written down.
type auditProof struct {
	Entries int64  `json:"entries"`
	Head    string `json:"head" doc:"Hash of the last entry. Write it down elsewhere: who knows it finds out if the log was written anew."`
	Intact  bool   `json:"intact"`
	Broken  int64  `json:"broken,omitempty" doc:"The first entry that is not what it was."`
	Why     string `json:"why,omitempty"`
	Known   *bool  `json:"known,omitempty" doc:"Whether an entry has the hash that was asked for."`
}

func verifyAudit(c *call) (auditProof, error) {
	head := c.query.Get("head")
	p, err := c.s.Store.VerifyAudit(c.Context(), head)
	proof := auditProof{Entries: p.Entries, Head: p.Head, Intact: p.Broken == 0, Broken: p.Broken, Why: p.Why}
	if head != "" {
		proof.Known = &p.Known
		proof.Intact = proof.Intact && p.Known
	}
	return proof, err
}
