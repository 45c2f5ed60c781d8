package templating

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"tocsin/templating/value"
)

// TestBombs evaluates what is written to exhaust us (design/reliability.md, T2 and
// E1), each in time and in a process of its own, because a stack that overflows ends
// the process.
func TestBombs(t *testing.T) {
	if os.Getenv("TOCSIN_BOMB") != "" {
		t.Skip("this is the process for them")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestBomb$", "-test.v")
	cmd.Env = append(os.Environ(), "TOCSIN_BOMB=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestBomb(t *testing.T) {
	if os.Getenv("TOCSIN_BOMB") == "" {
		t.Skip("runs in a child process: TestBombs")
	}
	debug.SetMaxStack(16 << 20)
	rep := strings.Repeat
	conditions := map[string]string{
		"100,000 operators":          rep("1+", 100_000) + "1",
		"100,000 parentheses":        rep("(", 100_000) + "1" + rep(")", 100_000),
		"operators":                  rep("1+", 2000) + "1",
		"parentheses":                rep("(", 2000) + "1" + rep(")", 2000),
		"open parentheses":           rep("(", 4000),
		"brackets":                   rep("[", 4000),
		"braces":                     rep("{", 4000),
		"double braces":              rep("{{", 2000),
		"nested calls":               rep("len(", 1000),
		"nested keep calls":          rep("keep.len(", 450),
		"nots":                       rep("not ", 1000) + "1",
		"exclamation marks":          rep("!", 4000) + "1",
		"minus signs":                rep("- ", 2000) + "1",
		"powers":                     rep("2**", 1300) + "2",
		"choices":                    rep("1 if 1 else ", 330) + "1",
		"comparisons":                rep("1<", 2000) + "1",
		"ands":                       rep("{{a}} and ", 400) + "1",
		"members":                    "{{a}}" + rep(".upper()", 500),
		"indexes":                    "{{a}}" + rep("[0]", 1300),
		"fors":                       rep("[x for x in ", 300) + "1",
		"quotes":                     rep("'", 4000),
		"a huge number":              "2**10**10",
		"huge products":              rep("(", 40) + "10**2000" + rep(")*10**2000", 40),
		"a huge text":                "'x' * 10**9",
		"a huge list":                "[0] * 10**9",
		"a huge range":               "list(range(10**18))",
		"two loops":                  "len([[1 for b in {{ list }}] for a in {{ list }}])",
		"doubling text":              "[t+t for t in [s+s for s in [r+r for r in [{{ text }}, {{ text }}, {{ text }}, {{ text }}]]]]",
		"nested loops":               "[[[1 for c in {{ list }}] for b in {{ list }}] for a in {{ list }}]",
		"loops over comparisons":     "[x for x in {{ list }} if {{ list }} == {{ list }}]",
		"loops over searches":        "[x for x in {{ list }} if 'x' in {{ list }}]",
		"loops over text":            "[x for x in {{ list }} if 'y' in {{ text }}]",
		"loops over patterns":        "[x for x in {{ list }} if {{ text }} matches '(x+x+)+y']",
		"loops over sorting":         "[sorted({{ list }}) for x in {{ list }}]",
		"loops over calls":           "[keep.join({{ list }}) for x in {{ list }}]",
		"loops over printing":        "[str({{ list }}) for x in {{ list }}]",
		"loops over replacements":    "[{{ text }}.replace('x', {{ text }}) for x in {{ list }}]",
		"joining":                    "'x'.join([{{ text }}] * 1000)",
		"a join of nothing":          "({{ text }}).join([''] * 1000)",
		"splitting":                  "[{{ text }}.split('x') for x in {{ list }}]",
		"a set":                      "set({{ list }})",
		"calls in quotes":            "'" + rep("keep.len('x',", 300),
		"calls over lists":           "[keep.len({{ list }}) for x in {{ list }}]",
		"literals":                   "{{ literal }} == {{ literal }}",
		"words":                      "{{ words }} == 1",
		"text in a quoted condition": "'{{#list}}{{#list}}{{#list}}x{{/list}}{{/list}}{{/list}}' == 'x'",
	}
	templates := map[string]string{
		"tags":            rep("{{a}}", 6000),
		"open tags":       rep("{{", 16_000),
		"closing tags":    rep("}}", 16_000),
		"open sections":   rep("{{#a}}", 5000),
		"sections":        rep("{{#a}}", 2500) + rep("{{/a}}", 2500),
		"open calls":      rep("keep.len(", 3500),
		"calls":           rep("keep.len(1) ", 2600),
		"quotes":          "keep.len(" + rep("'", 30_000),
		"arguments":       "keep.len(" + rep("1,for ", 5000) + ")",
		"blocks":          rep("{%", 16_000),
		"entities":        rep("&amp", 8000) + ";",
		"delimiters":      rep("{{=a b=}}a=a b=b", 2000),
		"40 KiB":          rep("x", 40<<10),
		"nested sections": "{{#list}}{{#list}}{{#list}}x{{/list}}{{/list}}{{/list}}",
		"empty sections":  "{{#list}}{{#list}}{{#list}}{{#list}}{{/list}}{{/list}}{{/list}}{{/list}}",
		"output":          rep("{{text}}", 100),
		"self":            "{{ consts.self }}",
		"circle":          "{{ consts.a }}",
		"doubling":        "{{ consts.x0 }}",
		"long chain":      "{{ consts.y0 }}",
	}
	for _, keep := range []bool{false, true} {
		l := Language{Functions: Builtin(), Keep: keep}
		s := bombScope(t, l)
		for name, text := range conditions {
			t.Run("condition/"+name, func(t *testing.T) {
				soon(t, func() (any, error) {
					e, err := l.ParseExpr(text, If)
					if err != nil {
						return nil, err
					}
					e.Refs()
					return e.Value(t.Context(), s)
				})
			})
		}
		for name, text := range templates {
			t.Run("template/"+name, func(t *testing.T) {
				soon(t, func() (any, error) {
					tpl, err := l.Parse(text)
					if err != nil {
						return nil, err
					}
					tpl.Refs()
					return tpl.Render(t.Context(), s)
				})
			})
		}
	}
	celBombs(t, bombScope(t, Language{Functions: Builtin()}))
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 1<<30 {
		t.Errorf("%d MiB of memory", m.Sys>>20)
	}
}

// soon fails the test if f takes much longer than the budgets allow.
func soon(t *testing.T, f func() (any, error)) {
	t.Helper()
	start := time.Now()
	v, err := f()
	took := time.Since(start)
	if took > 20*time.Second { // a second, where the machine is not busy
		t.Errorf("took %v", took)
	}
	if err != nil {
		t.Logf("%v: %.150s", took.Round(time.Millisecond), err.Error())
		return
	}
	t.Logf("%v: gave %.40q", took.Round(time.Millisecond), value.Text(v))
}

func bombScope(t *testing.T, l Language) *Scope {
	list := make([]any, 10_000)
	for i := range list {
		list[i] = int64(i)
	}
	consts := value.NewMap(0)
	set := func(name, text string) {
		tpl, err := l.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		consts.Set(name, tpl)
	}
	set("self", "{{ consts.self }}{{ consts.self }}")
	set("a", "{{ consts.b }}")
	set("b", "x{{ consts.a }}")
	for i := range 60 {
		n, next := value.Text(int64(i)), value.Text(int64(i+1))
		set("x"+n, "{{ consts.x"+next+" }}{{ consts.x"+next+" }}")
	}
	for i := range 100 {
		n, next := value.Text(int64(i)), value.Text(int64(i+1))
		set("y"+n, "{{ consts.y"+next+" }}")
	}
	return &Scope{Data: map[string]any{"list": list, "text": strings.Repeat("x", 100_000), "literal": "[" + strings.Repeat("[1], ", 200_000) + "]", "words": strings.Repeat("a and ", 600) + "b", "a": "a", "consts": consts}}
}
