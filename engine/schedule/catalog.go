package schedule

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"tocsin/engine"
	"tocsin/workflows/source"
)

// A Catalog has the current programs. Readers see all of one load or none of it, and
// wait for nobody.
type Catalog struct {
	// Compile makes programs of a text. Problems include warnings; the error is for what
	// is not about the text. With an error among the problems none of the programs count.
	Compile func(origin Origin, name string, text []byte) ([]*engine.Program, source.Problems, error)
	// Executes lets workflows run programs and code of their authors (reliability.md §6).
	// It is never for those that came through the API.
	Executes bool

	current  atomic.Pointer[view]
	mu       sync.Mutex // of who changes it, and of what follows
	files    map[fileKey]*File
	order    map[Origin][]string // names of files
	disabled map[string]bool
	changed  chan struct{} // closed by the next change
}

// An Origin is where a workflow came from.
type Origin string

const (
	FromDisk Origin = "file"
	FromAPI  Origin = "api"
)

// A Source is the text of a file of workflows.
type Source struct {
	Name    string
	Text    []byte
	Setting string          // what else its meaning depends on: a text that changes when that does
	Problem *source.Problem // why it cannot be read; nil: it can
}

// An Item is a workflow of the catalog. It never changes.
type Item struct {
	ID       string
	Program  *engine.Program
	Version  string // of the text and setting that it is of
	File     string
	Origin   Origin
	Disabled bool // it says so itself, or somebody switched it off
}

// A File is what became of a source.
type File struct {
	Name     string
	Origin   Origin
	Version  string          // of the text as it is now
	Good     string          // of the text that its workflows are of; "": there was never a good one
	Problems source.Problems // of the text as it is now, warnings included
	Err      error           // why it was not even looked at

	programs []*engine.Program
}

// Stale says that the workflows of f are of an earlier text, because it is wrong now.
func (f File) Stale() bool { return f.Good != f.Version && f.Good != "" }

type fileKey struct {
	origin Origin
	name   string
}

// A view is the catalog at one time.
type view struct {
	list    []*Item // in the order of files, and in them as written
	byID    map[string]*Item
	files   []File
	matcher *engine.Matcher
}

func (v *view) disabled(id string) bool {
	it := v.byID[id]
	return it == nil || it.Disabled
}

// init makes an empty view. It is called with the lock held.
func (c *Catalog) init() {
	if c.files == nil {
		c.files, c.order, c.changed = map[fileKey]*File{}, map[Origin][]string{}, make(chan struct{})
		c.current.Store(&view{matcher: engine.NewMatcher(nil)})
	}
}

func (c *Catalog) view() *view {
	if v := c.current.Load(); v != nil {
		return v
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.init()
	return c.current.Load()
}

// Lookup is the workflow with that id.
func (c *Catalog) Lookup(id string) (Item, bool) {
	if it := c.view().byID[id]; it != nil {
		return *it, true
	}
	return Item{}, false
}

// Items are all workflows, in the order of their files.
func (c *Catalog) Items() []Item {
	var list []Item
	for _, it := range c.view().list {
		list = append(list, *it)
	}
	return list
}

// Len is how many workflows there are.
func (c *Catalog) Len() int { return len(c.view().list) }

// Files are all files, good or not.
func (c *Catalog) Files() []File { return slices.Clone(c.view().files) }

// Match are the programs that an arrival starts. Those that are disabled are not.
func (c *Catalog) Match(a engine.Arrival) []engine.Matched { return c.view().matcher.Match(a) }

// Changed is closed when the catalog changes next.
func (c *Catalog) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.init()
	return c.changed
}

// Load takes sources for all there is of that origin. A file with problems keeps the
// workflows of its last good text, which is no error; one that is not among the sources
// is gone. Of two workflows with one id that of the later file is a problem, those of the
// API after those of files. The error says that it was not done, because ctx is done.
func (c *Catalog) Load(ctx context.Context, origin Origin, sources ...Source) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.init()
	loaded := make(map[fileKey]*File, len(sources))
	for _, s := range sources {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := fileKey{origin, s.Name}
		loaded[k] = c.compile(origin, s, c.files[k])
	}
	for k := range c.files {
		if k.origin == origin {
			delete(c.files, k)
		}
	}
	for k, f := range loaded {
		c.files[k] = f
	}
	c.order[origin] = make([]string, len(sources))
	for i, s := range sources {
		c.order[origin][i] = s.Name
	}
	c.swap()
	return nil
}

// compile is a file made of s, where before is what it was; nil: it was not.
func (c *Catalog) compile(origin Origin, s Source, before *File) *File {
	f := &File{Name: s.Name, Origin: origin, Version: version(s)}
	if before != nil {
		if before.Version == f.Version && before.Err == nil && s.Problem == nil {
			return before
		}
		f.Good, f.programs = before.Good, before.programs
	}
	if s.Problem != nil {
		f.Problems = source.Problems{*s.Problem}
		return f
	}
	programs, problems, err := c.Compile(origin, s.Name, s.Text)
	f.Problems, f.Err = slices.Clone(problems), err
	for _, p := range programs {
		if p.Executes() && (origin == FromAPI || !c.Executes) {
			f.Problems = append(f.Problems, executes(p, origin))
		}
	}
	if err == nil && f.Problems.Err() == nil {
		f.Good, f.programs = f.Version, programs
	}
	return f
}

func executes(p *engine.Program, origin Origin) source.Problem {
	problem := source.Problem{
		Pos: p.Workflow().Pos, Code: source.UnsupportedOperation,
		Message: "the workflow runs programs of its own, which is not allowed here", Hint: "start the server with --allow-exec",
	}
	if origin == FromAPI {
		problem.Hint = "only workflows from files may: put it into the folder of the server"
	}
	return problem
}

func version(s Source) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s", len(s.Setting), s.Setting)
	h.Write(s.Text)
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// Switch says which workflows are switched off, whatever they say themselves: these, and
// no others.
func (c *Catalog) Switch(off ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.init()
	c.disabled = map[string]bool{}
	for _, id := range off {
		c.disabled[id] = true
	}
	c.swap()
}

// swap makes a view of the files, and lets everybody see it.
func (c *Catalog) swap() {
	v := &view{byID: map[string]*Item{}}
	old := c.current.Load()
	for _, origin := range []Origin{FromDisk, FromAPI} {
		for _, name := range c.order[origin] {
			v.add(c.files[fileKey{origin, name}], c.disabled, old)
		}
	}
	var programs []*engine.Program
	for _, it := range v.list {
		if !it.Disabled {
			programs = append(programs, it.Program)
		}
	}
	v.matcher = engine.NewMatcher(programs)
	c.current.Store(v)
	close(c.changed)
	c.changed = make(chan struct{})
}

// add adds what f has, but for workflows whose id is taken. A file that is about to be
// seen for the first time, or changed, adds nothing then; those of its last good text
// that are not taken stay.
func (v *view) add(f *File, disabled map[string]bool, old *view) {
	shown := *f
	for _, p := range f.programs {
		w := p.Workflow()
		if first := v.byID[w.ID]; first != nil {
			shown.Problems = append(slices.Clone(shown.Problems), source.Problem{
				Pos: w.Pos, Code: source.DuplicateName,
				Message: fmt.Sprintf("there is a workflow %q already", w.ID), Hint: "it is in " + first.File + "; give this one another id",
			})
			continue
		}
		it := &Item{ID: w.ID, Program: p, Version: f.Good, File: f.Name, Origin: f.Origin, Disabled: w.Disabled || disabled[w.ID]}
		if was := old.byID[w.ID]; was != nil && *was == *it {
			it = was
		}
		v.byID[w.ID] = it
		v.list = append(v.list, it)
	}
	v.files = append(v.files, shown)
}

// Problems are those of all files, in the order of their places. Warnings are among them.
func (c *Catalog) Problems() source.Problems {
	var list source.Problems
	for _, f := range c.view().files {
		list = append(list, f.Problems...)
		if f.Err != nil {
			list = append(list, source.Problem{Pos: source.Pos{File: f.Name}, Code: source.BadSyntax, Message: f.Err.Error()})
		}
	}
	slices.SortStableFunc(list, func(a, b source.Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return list
}

// ErrUnknown means that there is no workflow of that id.
var ErrUnknown = errors.New("no such workflow")
