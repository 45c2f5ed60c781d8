package cmd

import (
	"fmt"
	"strings"

	"tocsin/workflows/source"
)

// codeWords are what a rule can be asked for by.
func codeWords() []string {
	var words []string
	for _, r := range source.Rules() {
		words = append(words, r.Code, r.Name)
	}
	return words
}

// A ruleInfo is a rule in JSON.
type ruleInfo struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Text     string `json:"text,omitempty"`
}

func (s *setup) listRules() error {
	var list []ruleInfo
	width := 0
	for _, r := range source.Rules() {
		list = append(list, ruleInfo{Code: r.Code, Name: r.Name, Severity: string(r.Severity), Title: r.Title})
		width = max(width, len(r.Name))
	}
	if s.output == "json" {
		return s.json(list)
	}
	for _, r := range list {
		if _, err := fmt.Fprintf(s.stdout, "%s  %-*s  %-16s  %s\n", r.Code, width, r.Name, r.Severity, r.Title); err != nil {
			return err
		}
	}
	return nil
}

// showRule explains what a code stands for.
func (s *setup) showRule(r source.Rule) error {
	x := r.Explain()
	if s.output == "json" {
		return s.json(ruleInfo{r.Code, r.Name, string(r.Severity), r.Title, x.Text})
	}
	fmt.Fprintf(s.stdout, "%s %s (%s)\n%s.\n\n%s\n", r.Code, r.Name, r.Severity, r.Title, x.Text)
	s.showExamples("Wrong", x.Bad)
	s.showExamples("Right", x.Good)
	return nil
}

func (s *setup) showExamples(title string, list []source.Example) {
	for _, e := range list {
		heading := title
		switch {
		case e.Name == "env":
			heading += ", in the environment"
		case e.Name == "flags":
			heading += ", on the command line"
		case len(list) > 1:
			heading += ", " + e.Name
		}
		fmt.Fprintf(s.stdout, "\n%s:\n%s\n", heading, indent(strings.TrimRight(e.Text, "\n"), "  "))
	}
}
