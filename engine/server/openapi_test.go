package server

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The document is one of OpenAPI 3.1, as the schema of its authors says
// (https://spec.openapis.org/oas/3.1/schema/2026-08-03).
func TestDocumentIsValid(t *testing.T) {
	c := jsonschema.NewCompiler()
	text, err := os.ReadFile("testdata/openapi-3.1.schema.json")
	must(t, err)
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	must(t, err)
	must(t, c.AddResource("https://spec.openapis.org/oas/3.1/schema/2026-08-03", schema))
	oas, err := c.Compile("https://spec.openapis.org/oas/3.1/schema/2026-08-03")
	must(t, err)
	must(t, oas.Validate(documented(t)))
	ids := map[string]bool{}
	for _, r := range routes() {
		if id := operationID(r); ids[id] {
			t.Errorf("two operations are called %s", id)
		} else {
			ids[id] = true
		}
	}
}

// documented is the document, as a reader of JSON has it.
func documented(t testing.TB) any {
	text, err := json.Marshal(document(routes(), "1"))
	must(t, err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	must(t, err)
	return v
}

// A contract tells whether answers are as the document says.
type contract struct {
	t        testing.TB
	compiler *jsonschema.Compiler
	document map[string]any
	asked    map[string]bool
}

func newContract(t testing.TB) *contract {
	c := &contract{t: t, compiler: jsonschema.NewCompiler(), document: documented(t).(map[string]any), asked: map[string]bool{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	must(t, c.compiler.AddResource("tocsin.json", c.document))
	return c
}

func pointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(s)
}

// holds validates the answer of a row.
func (c *contract) holds(r route, a answer) {
	c.t.Helper()
	status := "default"
	op := c.document["paths"].(map[string]any)[r.path].(map[string]any)[strings.ToLower(r.method)].(map[string]any)
	if _, ok := op["responses"].(map[string]any)[itoa(a.status)]; ok {
		status = itoa(a.status)
	} else if a.status < 400 {
		c.t.Errorf("%s: %d is not documented", r.pattern(), a.status)
		return
	}
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	content := op["responses"].(map[string]any)[status].(map[string]any)["content"].(map[string]any)
	if _, ok := content[media]; !ok {
		c.t.Errorf("%s: %d: %s is not documented: %s", r.pattern(), a.status, media, a.body)
		return
	}
	if a.status < 400 {
		c.asked[r.pattern()] = true
	}
	if media != "application/json" {
		return
	}
	schema, err := c.compiler.Compile("tocsin.json#/paths/" + pointer(r.path) + "/" + strings.ToLower(r.method) + "/responses/" + status + "/content/application~1json/schema")
	must(c.t, err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	must(c.t, err)
	if err := schema.Validate(v); err != nil {
		c.t.Errorf("%s: %d: %v\n%s", r.pattern(), a.status, err, a.body)
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }
