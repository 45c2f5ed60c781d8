package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"tocsin/engine"
)

// Live draws the runs that are under way as a tree on a terminal, and erases it when it
// is closed: what stays on the screen is the report. Observe may be called from several
// runs at once.
type Live struct {
	w     io.Writer
	width int
	style Style
	now   func() time.Time

	mu    sync.Mutex
	runs  []*liveRun
	drawn int // lines on the screen

	stop chan struct{}
	done chan struct{}
}

type liveRun struct {
	id, workflow string
	began        time.Time
	steps        []liveStep
}

type liveStep struct {
	name   string
	began  time.Time
	status engine.Status // "" while it runs
	took   time.Duration
	note   string
}

// maxLive is how many lines are drawn: they must fit on the smallest screen.
const maxLive = 20

// NewLive draws to a terminal of that width in columns until Close is called.
func NewLive(w io.Writer, width int, style Style) *Live {
	l := &Live{w: w, width: width, style: style, now: time.Now, stop: make(chan struct{}), done: make(chan struct{})}
	go l.tick()
	return l
}

// tick redraws while nothing happens, so that the times move.
func (l *Live) tick() {
	defer close(l.done)
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-t.C:
			l.mu.Lock()
			l.draw()
			l.mu.Unlock()
		}
	}
}

// Close erases what was drawn.
func (l *Live) Close() {
	close(l.stop)
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = nil
	l.draw()
}

// Observe takes an event of a run.
func (l *Live) Observe(e engine.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	run := l.run(e)
	switch e.Action {
	case engine.StepStarted:
		run.steps = append(run.steps, liveStep{name: e.Step, began: l.now()})
	case engine.Retrying:
		run.last().note = fmt.Sprintf("attempt %d failed: %s", e.Attempt, e.Reason)
	case engine.ItemEnded:
		run.last().note = plural(e.Item, "item")
	case engine.StepEnded:
		s := run.last()
		s.status, s.took, s.note = e.Status, l.now().Sub(s.began), ""
	case engine.RunEnded:
		l.remove(run)
	}
}

func (l *Live) run(e engine.Event) *liveRun {
	for _, r := range l.runs {
		if r.id == e.Run {
			return r
		}
	}
	r := &liveRun{id: e.Run, workflow: e.Workflow, began: l.now()}
	l.runs = append(l.runs, r)
	return r
}

func (l *Live) remove(run *liveRun) {
	for i, r := range l.runs {
		if r == run {
			l.runs = append(l.runs[:i], l.runs[i+1:]...)
			return
		}
	}
}

// last is the step that is under way.
func (r *liveRun) last() *liveStep {
	if len(r.steps) == 0 {
		r.steps = append(r.steps, liveStep{began: r.began})
	}
	return &r.steps[len(r.steps)-1]
}

// draw replaces what is on the screen.
func (l *Live) draw() {
	lines := l.lines()
	if len(lines) == 0 && l.drawn == 0 {
		return
	}
	var b bytes.Buffer
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", l.drawn)
	}
	b.WriteString("\r\x1b[J")
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	l.drawn = len(lines)
	_, _ = l.w.Write(b.Bytes()) // a terminal that went away is noticed by the report
}

func (l *Live) lines() []string {
	var lines []string
	for _, r := range l.runs {
		lines = append(lines, l.line(0, "", r.workflow, l.now().Sub(r.began), ""))
		for _, s := range r.steps {
			d := s.took
			if s.status == "" {
				d = l.now().Sub(s.began)
			}
			lines = append(lines, l.line(2, s.status, s.name, d, s.note))
		}
	}
	if len(lines) > maxLive {
		rest := len(lines) - maxLive + 1
		lines = append(lines[:maxLive-1], fmt.Sprintf("… and %d more lines", rest))
	}
	return lines
}

// line is a run or a step, no longer than the screen is wide: a line that wraps could
// not be erased.
func (l *Live) line(margin int, status engine.Status, name string, d time.Duration, note string) string {
	mark := l.style.paint(yellow, pad("...", markWidth))
	if status != "" {
		mark = l.style.mark(status)
	}
	text := clean(name) + " " + took(d)
	if note != "" {
		text += "  " + clean(note)
	}
	return strings.Repeat(" ", margin) + mark + " " + short(text, max(10, l.width-margin-markWidth-2))
}
