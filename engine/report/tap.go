package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"tocsin/engine"
	"tocsin/templating/value"
)

// TAP writes a TAP version 14 stream: a workflow is a test with a subtest for each of
// its cases (https://testanything.org/tap-version-14-specification.html).
func TAP(w io.Writer, runs []*engine.Result) error {
	var b bytes.Buffer
	list := started(runs)
	fmt.Fprintf(&b, "TAP version 14\n1..%d\n", len(list))
	for i, r := range list {
		fmt.Fprintf(&b, "# Subtest: %s\n", tapName(r.Workflow))
		cs := cases(r)
		fmt.Fprintf(&b, "    1..%d\n", len(cs))
		for k, c := range cs {
			tapCase(&b, "    ", k+1, c)
		}
		tapCase(&b, "", i+1, testCase{name: r.Workflow, status: r.Status, reason: r.Reason, pos: r.Pos, duration: r.Duration})
	}
	_, err := w.Write(b.Bytes())
	return err
}

func tapCase(b *bytes.Buffer, margin string, n int, c testCase) {
	verdict := "ok"
	if bad(c.status) {
		verdict = "not ok"
	}
	fmt.Fprintf(b, "%s%s %d - %s", margin, verdict, n, tapName(c.name))
	if c.status == engine.Skipped {
		fmt.Fprintf(b, " # SKIP %s", tapName(firstLine(c.reason)))
	}
	b.WriteByte('\n')
	if !bad(c.status) {
		return
	}
	// A YAML block in double-quoted scalars, which are JSON strings.
	fmt.Fprintf(b, "%s  ---\n%s  severity: %s\n", margin, margin, map[bool]string{true: "fail", false: "error"}[c.status == engine.Failed])
	if c.reason != "" {
		tapField(b, margin, "message", c.reason)
	}
	if c.tree != nil {
		var tree bytes.Buffer
		Text{}.tree(&tree, *c.tree, 0)
		tapField(b, margin, "values", tree.String())
	}
	if pos := c.pos.String(); pos != "" {
		tapField(b, margin, "at", pos)
	}
	fmt.Fprintf(b, "%s  duration_ms: %.3f\n%s  ...\n", margin, millis(c.duration), margin)
}

func tapField(b *bytes.Buffer, margin, key, text string) {
	fmt.Fprintf(b, "%s  %s: %s\n", margin, key, value.AppendJSON(nil, text))
}

// tapName is a description: "#" would begin a directive, a backslash escapes it.
func tapName(name string) string {
	return strings.NewReplacer(`\`, `\\`, "#", `\#`).Replace(clean(name))
}
