package source

import (
	"bytes"
	"cmp"
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
	Name      string `json:"name,omitempty"`
	Message   string `json:"message"`
	Hint      string `json:"hint"`
	Fix       string `json:"fix,omitempty"`
}

func jsonProblems(lines *excerpts, ps Problems) []jsonProblem {
	out := make([]jsonProblem, 0, len(ps))
	for _, p := range ps {
		r := p.rule()
		out = append(out, jsonProblem{
			p.Pos.File, p.Pos.Line, p.Pos.Col, lines.end(p), string(p.severity()), r.Code, r.Name, p.Message, p.Hint, p.Fix.What,
		})
	}
	return out
}

// rule is the rule of p's code. No problem is without one in a report.
func (p Problem) rule() Rule {
	if r, ok := RuleOf(p.Code); ok {
		return r
	}
	return Rule{Code: cmp.Or(p.Code, "problem"), Severity: IsEither, Title: "A problem"}
}

// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
func writeGitHub(w io.Writer, lines *excerpts, ps Problems) error {
	var b bytes.Buffer
	for _, p := range ps {
		b.WriteString("::" + githubLevel(p.severity()) + " ")
		if p.Pos.File != "" {
			b.WriteString("file=" + property(filepath.ToSlash(p.Pos.File)) + ",")
		}
		if p.Pos.Line > 0 {
			fmt.Fprintf(&b, "line=%d,col=%d,endColumn=%d,", p.Pos.Line, p.Pos.Col, lines.end(p))
		}
		r := p.rule()
		b.WriteString("title=" + property(strings.TrimSpace(clean(r.Code+" "+r.Name))) + "::" + data(clean(p.Message)))
		for _, h := range p.hints() {
			b.WriteString("%0Ahint: " + data(clean(h)))
		}
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

func githubLevel(s Severity) string {
	if s == IsNote {
		return "notice"
	}
	return string(s)
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
		ID       string       `json:"id"`
		Name     string       `json:"name,omitempty"`
		Short    sarifMessage `json:"shortDescription"`
		Defaults sarifDefault `json:"defaultConfiguration"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
		Fixes     []sarifFix      `json:"fixes,omitempty"`
	}
	sarifFix struct {
		Description sarifMessage  `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifact      `json:"artifactLocation"`
		Replacements []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		Deleted  sarifRegion  `json:"deletedRegion"`
		Inserted sarifMessage `json:"insertedContent"`
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
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn"`
	}
)

func sarifLog(lines *excerpts, ps Problems) sarif {
	rules, index := []sarifRule{}, map[string]int{}
	results := make([]sarifResult, 0, len(ps))
	for _, p := range ps {
		r := p.rule()
		i, ok := index[r.Code]
		if !ok {
			i = len(rules)
			index[r.Code] = i
			rules = append(rules, r.sarif())
		}
		text := p.Message
		for _, h := range p.hints() {
			text += "\nhint: " + h
		}
		results = append(results, sarifResult{r.Code, i, string(p.severity()), sarifMessage{text}, sarifLocations(lines, p), sarifFixes(lines, p)})
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

func (r Rule) sarif() sarifRule {
	level := r.Severity
	if level == IsEither {
		level = IsError
	}
	return sarifRule{r.Code, r.Name, sarifMessage{r.Title}, sarifDefault{string(level)}}
}

func sarifLocations(lines *excerpts, p Problem) []sarifLocation {
	if p.Pos.File == "" {
		return nil
	}
	place := sarifPlace{Artifact: artifact(p.Pos.File)}
	if p.Pos.Line > 0 {
		place.Region = &sarifRegion{p.Pos.Line, p.Pos.Col, 0, lines.end(p)}
	}
	return []sarifLocation{{place}}
}

func artifact(file string) sarifArtifact {
	return sarifArtifact{URI: (&url.URL{Path: filepath.ToSlash(file)}).String()}
}

// sarifFixes is p's fix, where the file is there to say where it ends.
func sarifFixes(lines *excerpts, p Problem) []sarifFix {
	if p.Fix.What == "" || lines.of(p.Fix.Pos) == "" {
		return nil
	}
	t := lines.read[p.Fix.Pos.File]
	start, end := t.span(p.Fix)
	if start < 0 {
		return nil
	}
	to := t.pos(end)
	return []sarifFix{{
		Description: sarifMessage{p.Fix.What},
		Changes: []sarifChange{{artifact(p.Fix.Pos.File), []sarifReplacement{{
			sarifRegion{p.Fix.Pos.Line, p.Fix.Pos.Col, to.Line, to.Col}, sarifMessage{t.broken(p.Fix.Text)},
		}}}},
	}}
}
