package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
)

// Formats are the names that Write knows.
func Formats() []string { return []string{"text", "json", "github", "sarif"} }

// Write writes the problems, sorted by place, in a format: "text" is Print's, "json" an array,
// "github" the annotations of GitHub Actions, "sarif" SARIF 2.1.0. files serve to
// find the end of the word a problem is about, and may be nil.
func Write(w io.Writer, format string, files fs.FS, ps Problems) error {
	lines := excerpts{files: files}
	ps = ps.sorted()
	switch format {
	case "text":
		return Print(w, files, ps)
	case "json":
		return writeJSON(w, jsonProblems(&lines, ps))
	case "github":
		return writeGitHub(w, &lines, ps)
	case "sarif":
		return writeJSON(w, sarifLog(&lines, ps))
	}
	return fmt.Errorf("no format %q for problems: there are %s", format, strings.Join(Formats(), ", "))
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// end is the column behind what p is about.
func (e *excerpts) end(p Problem) int {
	line := e.of(p.Pos)
	switch {
	case p.Pos.Line < 1:
		return 0
	case line == "":
		return p.Pos.Col + max(1, p.Len)
	}
	return p.Pos.Col + p.length(line)
}

type jsonProblem struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndColumn int    `json:"end_column"`
	Severity  string `json:"severity"`
	Code      string `json:"code"`
	Message   string `json:"message"`
	Hint      string `json:"hint"`
}

func jsonProblems(lines *excerpts, ps Problems) []jsonProblem {
	out := make([]jsonProblem, 0, len(ps))
	for _, p := range ps {
		out = append(out, jsonProblem{p.Pos.File, p.Pos.Line, p.Pos.Col, lines.end(p), p.severity(), p.rule(), p.Message, p.Hint})
	}
	return out
}

// rule is p's code, which no problem is without in a report.
func (p Problem) rule() string {
	if p.Code == "" {
		return "problem"
	}
	return p.Code
}

// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
func writeGitHub(w io.Writer, lines *excerpts, ps Problems) error {
	var b bytes.Buffer
	for _, p := range ps {
		b.WriteString("::" + p.severity() + " ")
		if p.Pos.File != "" {
			b.WriteString("file=" + property(filepath.ToSlash(p.Pos.File)) + ",")
		}
		if p.Pos.Line > 0 {
			fmt.Fprintf(&b, "line=%d,col=%d,endColumn=%d,", p.Pos.Line, p.Pos.Col, lines.end(p))
		}
		b.WriteString("title=" + property(p.rule()) + "::" + data(clean(p.Message)))
		for _, h := range p.hints() {
			b.WriteString("%0Ahint: " + data(clean(h)))
		}
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// The part of SARIF that a problem needs:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarif struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPlace `json:"physicalLocation"`
	}
	sarifPlace struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndColumn   int `json:"endColumn"`
	}
)

func sarifLog(lines *excerpts, ps Problems) sarif {
	rules, index := []sarifRule{}, map[string]int{}
	results := make([]sarifResult, 0, len(ps))
	for _, p := range ps {
		i, ok := index[p.rule()]
		if !ok {
			i = len(rules)
			index[p.rule()] = i
			rules = append(rules, sarifRule{ID: p.rule()})
		}
		text := p.Message
		for _, h := range p.hints() {
			text += "\nhint: " + h
		}
		results = append(results, sarifResult{p.rule(), i, p.severity(), sarifMessage{text}, sarifLocations(lines, p)})
	}
	return sarif{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs: []sarifRun{{
			Tool:       sarifTool{sarifDriver{Name: "tocsin", Rules: rules}},
			ColumnKind: "unicodeCodePoints",
			Results:    results,
		}},
	}
}

func sarifLocations(lines *excerpts, p Problem) []sarifLocation {
	if p.Pos.File == "" {
		return nil
	}
	place := sarifPlace{Artifact: sarifArtifact{URI: (&url.URL{Path: filepath.ToSlash(p.Pos.File)}).String()}}
	if p.Pos.Line > 0 {
		place.Region = &sarifRegion{p.Pos.Line, p.Pos.Col, lines.end(p)}
	}
	return []sarifLocation{{place}}
}
