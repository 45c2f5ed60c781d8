// Checks measures "tocsin serve" at work: the real program, built here, runs websocket
// checks against a server on loopback and tells a stand-in of Slack. Where that says
// something, a bare Go loop does the network part of the same, by turns.
//
//	go run ./testdata/bench/checks                     # everything, some eight minutes
//	go run ./testdata/bench/checks -only rate,refusal
//	go run ./testdata/bench/checks -figures FILE       # and adds the figures as lines of JSON
//	go run ./testdata/bench/checks -only soak -strict  # exit 1 where a goal is missed
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A part is some figures that are measured together.
type part struct {
	name    string
	what    string
	measure func(*bench) error
}

func parts() []part {
	return []part{
		{"rate", "checks a second, beside a bare loop", (*bench).rate},
		{"cost", "what a check costs, by number of workflows", (*bench).cost},
		{"late", "lateness and memory with 10,000 workflows every 10 s", (*bench).late},
		{"start", "start with 10,000 workflows and a million runs", (*bench).begin},
		{"accept", "alerts that are accepted, and when they are told", (*bench).accept},
		{"refusal", "from an endpoint's refusal to Slack", (*bench).refusal},
		{"soak", "what grows over 10,000 runs", (*bench).soak},
	}
}

func main() {
	var o options
	flag.DurationVar(&o.time, "time", 8*time.Second, "for one turn of what is measured by turns")
	flag.IntVar(&o.turns, "turns", 3, "how often each has its turn")
	flag.IntVar(&o.workflows, "workflows", 10_000, "of a large site")
	flag.IntVar(&o.runs, "runs", 1_000_000, "that the store of a large site remembers")
	flag.StringVar(&o.program, "program", "", "the tocsin to measure; else it is built")
	flag.StringVar(&o.figures, "figures", "", "file that figures are added to, as lines of JSON")
	flag.StringVar(&o.keep, "keep", "", "folder for what the programs wrote; else it is removed")
	flag.BoolVar(&o.strict, "strict", false, "fail where a goal is missed")
	only := flag.String("only", "", "parts, with commas between: "+names())
	role := flag.String("role", "", "server or bare: what this process is for another of it")
	flag.Parse()
	var err error
	switch *role {
	case "":
		err = o.measure(*only)
	case "server":
		err = serve(os.Stdin, os.Stdout)
	case "bare":
		err = bare(os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("no role %q", *role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "checks:", err)
		os.Exit(1)
	}
}

func names() string {
	var list []string
	for _, p := range parts() {
		list = append(list, p.name)
	}
	return strings.Join(list, ",")
}

// Options are what one may say on the command line.
type options struct {
	time      time.Duration
	turns     int
	workflows int
	runs      int
	program   string
	figures   string
	keep      string
	strict    bool
}

// A bench is one measurement: the processes that all parts use, and what came out.
type bench struct {
	options
	dir     string
	server  *process
	address server // where the server listens
	bare    *process
	list    []figure
}

// measure measures the named parts; "": all.
func (o options) measure(only string) (err error) {
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if only != "" && !slices.Contains(strings.Split(names(), ","), name) {
			return fmt.Errorf("-only %s: the parts are %s", name, names())
		}
	}
	b := &bench{options: o}
	if err := b.open(); err != nil {
		return err
	}
	defer b.close()
	for _, p := range parts() {
		if only != "" && !slices.Contains(wanted, p.name) {
			continue
		}
		fmt.Printf("== %s\n", p.what)
		if err := p.measure(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Println()
	}
	return errors.Join(b.write(), b.judge())
}

func (b *bench) open() (err error) {
	if b.dir = b.keep; b.dir == "" {
		b.dir, err = os.MkdirTemp("", "tocsin-checks")
	} else {
		err = os.MkdirAll(b.dir, 0o755)
	}
	if err != nil {
		return err
	}
	if err := b.build(); err != nil {
		return err
	}
	if b.server, err = start("-role", "server"); err != nil {
		return err
	}
	if b.bare, err = start("-role", "bare"); err != nil {
		return err
	}
	b.address, err = askFor[server](b.server, "address")
	return err
}

func (b *bench) close() {
	for _, p := range []*process{b.server, b.bare} {
		if p != nil {
			p.end()
		}
	}
	if b.keep == "" {
		os.RemoveAll(b.dir)
	}
}
