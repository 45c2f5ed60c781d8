package templating_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"tocsin/templating"
)

// TestComparisons: the parts of a condition that compare one path with one literal, as
// they read with the path in front.
func TestComparisons(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string
	}{
		{"{{ a.b }} == 'up'", "a.b == up at 0"},
		{"'{{ a.b }}' == 'up'", `"a.b" == up at 0`},
		{"{{ a.b == 'up' }}", "a.b == up at 0"},
		{"70 < {{ a.b }}", "a.b > 70 at 0"},
		{"{{ a }} >= -1.5 and not {{ b }} != True", "a >= -1.5 at 0, b != true at 24"},
		{"{{ a }} in ['x', 2]", "a in [x 2] at 0"},
		{"'x' in {{ a }}", ""},
		{"{{ a }} == {{ b }}", ""},
		{"1 < {{ a }} < 5", ""},
		{"keep.len({{ a }}) > 3", ""},
		{"{{ a }}", ""},
	} {
		e, err := templating.Language{}.ParseExpr(tt.text, templating.If)
		if err != nil && !strings.Contains(tt.text, "keep.") {
			t.Fatal(err)
		} else if err != nil {
			continue
		}
		var got []string
		for _, c := range e.Comparisons() {
			path := strings.Join(c.Path, ".")
			if c.Quoted {
				path = `"` + path + `"`
			}
			got = append(got, fmt.Sprintf("%s %s %v at %d", path, c.Op, c.Literal, c.Offset))
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestFixed: conditions that come out the same every time.
func TestFixed(t *testing.T) {
	for text, want := range map[string]bool{
		"1 == 1": true, "'a' in ['a']": true, "True": true, "2 if 1 else 3": true,
		"{{ a }}": false, "'{{ a }}' == 'x'": false, "len('x') == 1": false, "true": false,
	} {
		e, err := templating.Language{}.ParseExpr(text, templating.Assert)
		if err != nil {
			t.Fatal(err)
		}
		if e.Fixed() != want {
			t.Errorf("%s: %v", text, e.Fixed())
		}
	}
}

// TestAlone: conditions that are one path, or not one.
func TestAlone(t *testing.T) {
	for _, tt := range []struct {
		text string
		path []string
		not  bool
	}{
		{"{{ a.b }}", []string{"a", "b"}, false},
		{"not {{ a }}", []string{"a"}, true},
		{"{{ not a }}", []string{"a"}, true},
		{"{{ a }} == 1", nil, false},
	} {
		e, err := templating.Language{}.ParseExpr(tt.text, templating.If)
		if err != nil {
			t.Fatal(err)
		}
		if path, not := e.Alone(); !reflect.DeepEqual(path, tt.path) || not != tt.not {
			t.Errorf("%s: %v, %v", tt.text, path, not)
		}
	}
}

// TestSections: texts in which a name may be that of an item.
func TestSections(t *testing.T) {
	for text, want := range map[string]bool{
		"{{#a}}{{ b }}{{/a}}": true, "x {{^a}}none{{/a}}": true, "{{ a }}": false, "a": false,
	} {
		parsed, err := templating.Language{}.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Sections() != want {
			t.Errorf("%s: %v", text, parsed.Sections())
		}
	}
	e, err := templating.Language{}.ParseExpr("'{{#a}}x{{/a}}' == 'x'", templating.If)
	if err != nil || !e.Sections() {
		t.Errorf("%v, %v", e, err)
	}
}
