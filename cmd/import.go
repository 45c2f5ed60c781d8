package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/providers"
	"tocsin/workflows/convert"
	"tocsin/workflows/source"
)

// An importCommand is "tocsin import" and its flags.
type importCommand struct {
	*setup
	to     string
	force  bool
	strict bool
}

// importers are the programs whose configurations can be read.
var importers = []struct {
	name, title string
	read        func(file string, raw []byte, t convert.Target) (*convert.Result, error)
}{
	{"benthos", "Benthos, Redpanda Connect or Bento (YAML)", convert.Benthos},
	{"telegraf", "Telegraf (TOML)", convert.Telegraf},
}

func newImportCommand(s *setup) *cobra.Command {
	names := make([]string, len(importers))
	for i, from := range importers {
		names[i] = from.name
	}
	i := &importCommand{setup: s}
	c := &cobra.Command{
		Use:   "import benthos|telegraf FILE",
		Short: "Make a workflow of another program's configuration",
		Long: `Import reads a configuration of Benthos (Redpanda Connect, Bento) or Telegraf that has
websocket inputs or outputs, and writes a workflow: an input is a trigger, an output an
action. FILE may be "-", standard input.

What cannot be carried over, what does something else here, and what has to be defined, is
said on standard error, with its place and what to do, and as a comment in the workflow.

Variables of the environment become inputs where they have a default (--input NAME=VALUE of
run), else secrets: $HOST is {{ secrets.HOST }}, which run reads from TOCSIN_SECRET_HOST.
So do passwords, keys and tokens that are written out: they are not in the workflow.

Exit codes: 0 the workflow is there, 1 with --strict: but something is not in it,
2 the file cannot be read.`,
		Example: `  tocsin import benthos pipeline.yaml > feed.yaml
  tocsin import telegraf /etc/telegraf/telegraf.conf --write checks/
  tocsin import benthos pipeline.yaml --output json`,
		Args:      cobra.ExactArgs(2),
		ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			for _, from := range importers {
				if from.name == args[0] {
					return i.run(args[1], from.read)
				}
			}
			hint := "benthos and telegraf are known"
			if near := source.Nearest(args[0], names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return usage(hint, "unknown program %q", args[0])
		},
	}
	s.outputFlag(c, "text", "json")
	f := c.Flags()
	f.StringVarP(&i.to, "write", "w", "", "file to write the workflow to, or directory, where it is called as its id; standard output if absent")
	f.BoolVarP(&i.force, "force", "f", false, "overwrite the file")
	f.BoolVar(&i.strict, "strict", false, "exit code 1 if something could not be carried over")
	return c
}

func (i *importCommand) run(name string, read func(string, []byte, convert.Target) (*convert.Result, error)) error {
	raw, err := i.read(name)
	if err != nil {
		return err
	}
	t, err := i.target()
	if err != nil {
		return err
	}
	r, err := read(name, raw, t)
	if ps, fatal := asProblems(err); err != nil {
		if fatal != nil {
			return broken(fatal)
		}
		docs := documents{list: []*document{{name: name, text: raw}}}
		if err := source.Print(i.stderr, docs, ps); err != nil {
			return broken(err)
		}
		return &exitError{code: exitUsage}
	}
	if err := i.show(r); err != nil {
		return err
	}
	if i.strict && r.Lost() {
		return &exitError{code: exitFailed}
	}
	return nil
}

// target is the websocket provider of this program.
func (i *importCommand) target() (convert.Target, error) {
	p, ok := i.registry.Lookup("websocket")
	if !ok || p.Subscribe == nil || p.Notify == nil {
		return convert.Target{}, usage("", "this program has no websocket provider to import for")
	}
	return convert.Target{Trigger: p.Subscribe.Params, Action: p.Notify.Params, Secret: providers.CallsSecret}, nil
}

// An imported is a result in JSON.
type imported struct {
	ID       string         `json:"id"`
	File     string         `json:"file,omitempty"` // where it was written
	Workflow string         `json:"workflow"`       // its text
	Notes    []importedNote `json:"notes"`
}

type importedNote struct {
	File    string       `json:"file"`
	Line    int          `json:"line"`
	Column  int          `json:"column"`
	Kind    convert.Kind `json:"kind"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
}

// show writes the workflow and the notes.
func (i *importCommand) show(r *convert.Result) error {
	text := r.YAML()
	file, err := i.write(r.ID, text)
	if err != nil {
		return err
	}
	if i.output == "json" {
		out := imported{ID: r.ID, File: file, Workflow: string(text), Notes: []importedNote{}}
		for _, n := range r.Notes {
			out.Notes = append(out.Notes, importedNote{n.Pos.File, n.Pos.Line, n.Pos.Col, n.Kind, n.Message, n.Hint})
		}
		return i.json(out)
	}
	i.notes(r)
	if file == "" {
		if _, err := i.stdout.Write(text); err != nil {
			return broken(err)
		}
		return nil
	}
	fmt.Fprintf(i.stdout, "wrote %s\n\n  tocsin run %s\n", file, file)
	return nil
}

// notes prints what is to be said. The lines that it is about are not shown: there may be
// secrets in them.
func (i *importCommand) notes(r *convert.Result) {
	for _, n := range r.Notes {
		fmt.Fprintf(i.stderr, "%v: %v\n", n.Pos, n)
		for hint := range strings.SplitSeq(n.Hint, "\n") {
			if hint != "" {
				fmt.Fprintf(i.stderr, "hint: %s\n", hint)
			}
		}
	}
}

// write writes the workflow where --write says, and returns that name; "" for nowhere.
func (i *importCommand) write(id string, text []byte) (string, error) {
	if i.to == "" {
		return "", nil
	}
	name := i.to
	if st, err := os.Stat(name); err == nil && st.IsDir() || strings.HasSuffix(name, string(filepath.Separator)) {
		if err := os.MkdirAll(name, 0o755); err != nil {
			return "", broken(err)
		}
		name = filepath.Join(name, id+".yaml")
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if !i.force {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(name, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return "", usage("name another file, or overwrite it with --force", "%s exists", name)
	} else if err != nil {
		return "", broken(err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", broken(err)
	}
	return name, nil
}
