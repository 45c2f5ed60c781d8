package providertest

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"tocsin/providers"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// describes checks that p says what it is and what each of its fields is.
func describes(t *testing.T, p *providers.Provider) {
	for what, text := range map[string]string{"Type": p.Type, "Title": p.Title, "Summary": p.Summary} {
		if text == "" {
			t.Errorf("%s is empty", what)
		}
	}
	if why := notSentence(p.Summary); why != "" {
		t.Errorf("Summary %q %s", p.Summary, why)
	}
	if len(p.Categories) == 0 {
		t.Error("it is in no category")
	}
	if p.Query == nil && p.Notify == nil && p.Subscribe == nil && !p.Pull && p.Receive == nil {
		t.Error("it can do nothing")
	}
	for what, s := range schemas(p) {
		if s != nil {
			documented(t, what, s.Fields())
		}
	}
	for what, o := range operations(p) {
		if o == nil || o.Message == "" {
			continue
		}
		if _, ok := o.Params.Field(o.Message); !ok && !o.Params.Open() {
			t.Errorf("%s: Message names %q, which is no parameter", what, o.Message)
		}
	}
}

func operations(p *providers.Provider) map[string]*providers.Operation {
	return map[string]*providers.Operation{"query": p.Query, "notify": p.Notify, "subscribe": p.Subscribe}
}

func schemas(p *providers.Provider) map[string]*schema.Schema {
	all := map[string]*schema.Schema{"configuration": p.Config}
	for what, o := range operations(p) {
		if o != nil {
			all[what] = o.Params
			all[what+" result"] = o.Result
		}
	}
	return all
}

// secretName is what fields are called that are secret.
var secretName = regexp.MustCompile(`(?i)(password|passphrase|secret|api_?key|private_key)$|(^|_)token$`)

func documented(t *testing.T, what string, fields []schema.Field) {
	t.Helper()
	for _, f := range fields {
		if why := notSentence(f.Doc); why != "" {
			t.Errorf("%s: %s: doc %q %s", what, f.Name, f.Doc, why)
		}
		if secretName.MatchString(f.Name) && !f.Secret && !strings.HasSuffix(what, "result") {
			t.Errorf("%s: %s sounds like a secret and is not a providers.Secret", what, f.Name)
		}
		documented(t, what+": "+f.Name, f.Fields)
	}
}

// notSentence says why text is not a sentence on one line, or "".
func notSentence(text string) string {
	switch {
	case text == "":
		return "is empty"
	case strings.Contains(text, "\n"):
		return "has several lines"
	case !strings.HasSuffix(text, "."):
		return "does not end with a full stop"
	case unicode.IsLower([]rune(text)[0]):
		return "begins in lower case"
	}
	return ""
}

// marker parts what people write from what the structs say.
const marker = "<!-- reference -->"

// readme checks that README.md has an example and its reference is current, or makes
// it so.
func readme(t *testing.T, p *providers.Provider) {
	text := readFile(t, "README.md")
	if !strings.Contains(text, "```yaml") {
		t.Error("README.md has no workflow in ```yaml")
	}
	written, _, ok := strings.Cut(text, marker)
	if !ok {
		t.Fatalf("README.md has no line %s", marker)
	}
	want := written + marker + "\n\n" + p.Reference()
	if text == want {
		if p.Readme != text {
			t.Error("Readme is not README.md; embed it")
		}
		return
	}
	if !Update() {
		t.Fatalf("README.md: the reference is not current; go test -update rewrites it. It should be\n%s", p.Reference())
	}
	if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// refusesUnknown checks that a parameter that does not exist is a problem.
func refusesUnknown(t *testing.T, p *providers.Provider) {
	for what, o := range operations(p) {
		if o == nil || o.Params.Open() {
			continue
		}
		with := source.Value{Data: source.Map{{Key: "no_such_parameter_at_all", Value: source.Of("x")}}}
		found := false
		for _, problem := range o.Params.Check(with, p.Type, nil) {
			found = found || !problem.Warning && strings.Contains(problem.Message, "no_such_parameter_at_all")
		}
		if !found {
			t.Errorf("%s: an unknown parameter is not an error", what)
		}
	}
}
