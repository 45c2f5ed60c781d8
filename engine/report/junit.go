package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"tocsin/engine"
)

// The elements of a JUnit report, with the attributes that both the Jenkins and the
// Surefire schema know, in the order of the latter (testdata/junit.xsd has what they have
// in common). Times are seconds.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string         `xml:"name,attr"`
		Class   string         `xml:"classname,attr"`
		Time    string         `xml:"time,attr"`
		Failure *junitProblem  `xml:"failure"`
		Skipped *junitSkipped  `xml:"skipped"`
		Error   *junitProblem  `xml:"error"`
		Rerun   []junitAttempt `xml:"rerunError"` // failed before it failed for good
		Flaky   []junitAttempt `xml:"flakyError"` // failed before it passed
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr,omitempty"`
	}
	junitTrace struct {
		Text string `xml:",cdata"`
	}
	junitAttempt struct {
		Message string     `xml:"message,attr"`
		Type    string     `xml:"type,attr"`
		Trace   junitTrace `xml:"stackTrace"`
	}
)

// JUnit writes a JUnit XML report: a workflow is a suite; a check that did not hold is a
// failure, what broke an error; attempts that were retried are flakyError or rerunError.
func JUnit(w io.Writer, runs []*engine.Result) error {
	doc := junitSuites{Name: "tocsin"}
	var total time.Duration
	for _, r := range started(runs) {
		s := suiteOf(r)
		doc.Tests += s.Tests
		doc.Failures += s.Failures
		doc.Errors += s.Errors
		total += r.Duration
		doc.Suites = append(doc.Suites, s)
	}
	doc.Time = seconds(total)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func suiteOf(r *engine.Result) junitSuite {
	s := junitSuite{Name: xmlText(r.Workflow), Time: seconds(r.Duration)}
	var n count
	for _, c := range cases(r) {
		n.add(c.status)
		s.Cases = append(s.Cases, caseOf(r, c))
	}
	s.Tests, s.Failures, s.Errors, s.Skipped = n.total, n.failed, n.broken, n.skipped
	return s
}

func caseOf(r *engine.Result, c testCase) junitCase {
	j := junitCase{Name: xmlText(c.name), Class: xmlText(r.Workflow), Time: seconds(c.duration)}
	switch c.status {
	case engine.Done:
	case engine.Skipped:
		j.Skipped = &junitSkipped{Message: xmlText(firstLine(c.reason))}
	case engine.Failed:
		j.Failure = problemOf(c, "assertion")
	default:
		j.Error = problemOf(c, string(c.status))
	}
	for i, err := range c.retried {
		a := junitAttempt{Message: xmlText(fmt.Sprintf("attempt %d", i+1)), Type: "retried", Trace: junitTrace{xmlText(err.Error())}}
		if bad(c.status) {
			j.Rerun = append(j.Rerun, a)
		} else {
			j.Flaky = append(j.Flaky, a)
		}
	}
	return j
}

func problemOf(c testCase, typ string) *junitProblem {
	var b bytes.Buffer
	b.WriteString(c.reason)
	if c.tree != nil {
		b.WriteByte('\n')
		Text{}.tree(&b, *c.tree, 2)
	}
	if pos := c.pos.String(); pos != "" {
		fmt.Fprintf(&b, "\nat %s\n", pos)
	}
	return &junitProblem{Message: xmlText(firstLine(cmp.Or(c.reason, string(c.status)))), Type: typ, Text: xmlText(b.String())}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// xmlText is text without the characters that XML 1.0 cannot hold (§2.2): what remains,
// the encoder escapes.
func xmlText(text string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return '?'
		}
		return r
	}, text)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
