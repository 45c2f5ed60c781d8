package main

import (
	"fmt"
	"strconv"
)

// A figure is one thing that was measured.
type figure struct {
	Key     string  `json:"key"`  // for ever
	What    string  `json:"what"` // for people
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Goal    float64 `json:"goal,omitempty"`     // 0: there is none
	AtLeast bool    `json:"at_least,omitempty"` // the goal; else at most
	Share   float64 `json:"share,omitempty"`    // of what the goal allows; above 1 it is missed
}

// judged is f with its share.
func (f figure) judged() figure {
	switch {
	case f.Goal == 0:
	case f.AtLeast && f.Value > 0:
		f.Share = f.Goal / f.Value
	case !f.AtLeast:
		f.Share = f.Value / f.Goal
	}
	return f
}

func (f figure) goal() string {
	switch {
	case f.Goal == 0:
		return ""
	case f.AtLeast:
		return ">= " + number(f.Goal)
	}
	return "<= " + number(f.Goal)
}

func (f figure) share() string {
	if f.Goal == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", f.Share)
}

func (f figure) verdict() string {
	switch {
	case f.Goal == 0:
		return ""
	case f.missed():
		return "MISSED"
	}
	return "met"
}

func (f figure) missed() bool { return f.Goal != 0 && (f.Share > 1 || f.AtLeast && f.Value <= 0) }

// number has three digits, or all before the point.
func number(v float64) string {
	if v >= 100 || v <= -100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
