package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// A figure is one thing that was measured.
type figure struct {
	Key     string  `json:"key"`  // for ever
	What    string  `json:"what"` // for people
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Goal    float64 `json:"goal,omitempty"`     // 0: there is none
	AtLeast bool    `json:"at_least,omitempty"` // the goal; else at most
}

func (b *bench) add(f figure) {
	fmt.Println(f)
	b.list = append(b.list, f)
}

func (f figure) String() string {
	text := fmt.Sprintf("%-64s %9.4g %s", f.What, f.Value, f.Unit)
	switch {
	case f.Goal == 0:
		return text
	case f.AtLeast:
		return fmt.Sprintf("%-82s (goal: at least %g)", text, f.Goal)
	}
	return fmt.Sprintf("%-82s (goal: at most %g)", text, f.Goal)
}

// judge is the goals that were missed, if that is to fail.
func (b *bench) judge() error {
	var missed []error
	for _, f := range b.list {
		if b.strict && f.Goal != 0 && (f.AtLeast && f.Value < f.Goal || !f.AtLeast && f.Value > f.Goal) {
			missed = append(missed, fmt.Errorf("%s missed its goal: %.3g %s, not %g", f.Key, f.Value, f.Unit, f.Goal))
		}
	}
	return errors.Join(missed...)
}

// write adds the figures to the file that was named.
func (b *bench) write() error {
	if b.figures == "" {
		return nil
	}
	f, err := os.OpenFile(b.figures, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, one := range b.list {
		if err := json.NewEncoder(f).Encode(one); err != nil {
			return err
		}
	}
	return nil
}

func middle(list []float64) float64 { return at(list, 0.5) }

// at is what so much of the list lies below.
func at[T cmp.Ordered](list []T, q float64) T {
	return slices.Sorted(slices.Values(list))[int(q*float64(len(list)-1))]
}
