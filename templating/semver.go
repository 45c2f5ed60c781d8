package templating

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A version is a semantic version (https://semver.org): 1.2.3-beta.1. Its build, behind a
// plus, makes no difference and is left out.
type version struct {
	parts [3]uint64 // major, minor, patch
	pre   []string  // of a version before the release; else nil
}

var errVersion = errors.New("no semantic version")

// parseVersion reads a version, which may begin with a "v" and lack its last numbers.
func parseVersion(text string) (version, error) {
	w, err := parseWildVersion(text)
	if err == nil && w.wild < w.given {
		err = errVersion
	}
	return w.version, err
}

// A wildVersion is a version of which only the first numbers are said: 1.2, 1.x, *.
type wildVersion struct {
	version
	given int // numbers that are written, or an x in their place
	wild  int // the first of them that is none; given: all are
}

func parseWildVersion(text string) (wildVersion, error) {
	var w wildVersion
	text, build, built := strings.Cut(strings.TrimPrefix(text, "v"), "+")
	text, pre, early := strings.Cut(text, "-")
	if built && !areNames(build) || early && !areNames(pre) {
		return w, errVersion
	}
	if early {
		w.pre = strings.Split(pre, ".")
	}
	for _, name := range w.pre {
		if allDigits(name) && len(name) > 1 && name[0] == '0' {
			return w, fmt.Errorf("%w: a number begins with 0", errVersion)
		}
	}
	numbers := strings.Split(text, ".")
	w.given = len(numbers)
	if w.given > len(w.parts) {
		return w, errVersion
	}
	for w.wild = 0; w.wild < w.given && !isAny(numbers[w.wild]); w.wild++ {
		n, err := strconv.ParseUint(numbers[w.wild], 10, 64)
		if err != nil || !allDigits(numbers[w.wild]) {
			return w, errVersion
		}
		w.parts[w.wild] = n
	}
	for _, later := range numbers[w.wild:] {
		if !allDigits(later) && !isAny(later) {
			return w, errVersion
		}
	}
	return w, nil
}

func isAny(number string) bool { return number == "x" || number == "X" || number == "*" }

// areNames says whether text is letters, digits and hyphens, with dots between.
func areNames(text string) bool {
	for name := range strings.SplitSeq(text, ".") {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return !(r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
		}) {
			return false
		}
	}
	return true
}

func allDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// compare orders versions.
func (v version) compare(w version) int {
	for i := range v.parts {
		if d := cmp.Compare(v.parts[i], w.parts[i]); d != 0 {
			return d
		}
	}
	return comparePre(v.pre, w.pre)
}

// comparePre orders what stands before releases of the same numbers. The release itself
// is last.
func comparePre(a, b []string) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(b), len(a))
	}
	return slices.CompareFunc(a, b, compareNames)
}

// compareNames orders numbers before names.
func compareNames(a, b string) int {
	switch n, m := allDigits(a), allDigits(b); {
	case n && m:
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	case n:
		return -1
	case m:
		return 1
	}
	return cmp.Compare(a, b)
}

// A versionBound is one comparison of a constraint: ">=1.2".
type versionBound struct {
	operator string
	wildVersion
}

// versionMeets says whether a version is as a constraint says: bounds that all hold, or
// behind "||", others. "1.2 - 2.0" is from one to the other.
func versionMeets(constraint, text string) (bool, error) {
	var either [][]versionBound
	for alternative := range strings.SplitSeq(constraint, "||") {
		bounds, err := parseBounds(alternative)
		if err != nil {
			return false, err
		}
		either = append(either, bounds)
	}
	v, err := parseVersion(text)
	if err != nil {
		return false, fmt.Errorf("%q: %w", cut(60, text), err)
	}
	for _, bounds := range either {
		if v.within(bounds) {
			return true, nil
		}
	}
	return false, nil
}

func (v version) within(bounds []versionBound) bool {
	for _, b := range bounds {
		if !b.allows(v) {
			return false
		}
	}
	return true
}

// parseBounds reads bounds, with spaces or a comma between.
func parseBounds(text string) ([]versionBound, error) {
	var bounds []versionBound
	words := strings.FieldsFunc(strings.ReplaceAll(text, ",", " , "), func(r rune) bool { return strings.ContainsRune(" \t\n\f\r", r) })
	wrong := fmt.Errorf("improper constraint: %s", cut(60, strings.TrimSpace(text)))
	for i := 0; i < len(words); i++ {
		if words[i] == "," {
			if i == 0 || i+1 == len(words) || words[i-1] == "," {
				return nil, wrong
			}
			continue
		}
		word := words[i]
		rest := strings.TrimLeft(word, "=!<>~^")
		if rest == "" && i+1 < len(words) { // a space behind the operator
			i++
			rest = words[i]
		}
		w, err := parseWildVersion(rest)
		b := versionBound{strings.TrimSuffix(word, rest), w}
		if err != nil || !isOperator(b.operator) {
			return nil, wrong
		}
		if i+2 < len(words) && words[i+1] == "-" && b.operator == "" {
			to, err := parseWildVersion(words[i+2])
			if err != nil {
				return nil, wrong
			}
			b.operator = ">="
			bounds = append(bounds, b)
			b = versionBound{"<=", to}
			i += 2
		}
		bounds = append(bounds, b)
	}
	if len(bounds) == 0 {
		return nil, wrong
	}
	return bounds, nil
}

func isOperator(text string) bool {
	switch text {
	case "", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^":
		return true
	}
	return false
}

// allows says whether v meets b. What comes before a release meets only bounds that name
// such a version themselves; "!=" with all numbers is met by any other.
func (b versionBound) allows(v version) bool {
	open := b.wild < len(b.parts)
	if len(v.pre) > 0 && len(b.pre) == 0 && (b.operator != "!=" || open) {
		return false
	}
	order := v.compare(b.version)
	same := b.sameAs(v)
	switch b.operator {
	case "!=":
		switch {
		case !open:
			return order != 0
		case b.wild == 2 && same:
			return comparePre(v.pre, b.pre) != 0
		}
		return !same
	case ">":
		return order > 0 && !(open && same)
	case "<":
		return order < 0
	case ">=", "=>":
		return order >= 0
	case "<=", "=<":
		return order <= 0 || open && same
	case "~", "~>":
		return order >= 0 && b.near(v)
	case "^":
		return order >= 0 && b.compatible(v)
	}
	if open {
		return order >= 0 && b.near(v)
	}
	return order == 0
}

// sameAs says whether the numbers that b says are those of v.
func (b versionBound) sameAs(v version) bool {
	for i := range min(b.wild, len(b.parts)) {
		if b.parts[i] != v.parts[i] {
			return false
		}
	}
	return true
}

// near is what "~" asks: the same minor version, or where none is said, the same major.
// ~0.0.0 takes all.
func (b versionBound) near(v version) bool {
	if b.parts == [3]uint64{} && (b.wild == 0 || b.wild == 3) {
		return true
	}
	b.wild = min(b.wild, 2)
	return b.sameAs(v)
}

// compatible is what "^" asks: the first number that is not 0 is the same, or where all
// that are said are 0, these.
func (b versionBound) compatible(v version) bool {
	for i := range min(b.wild, len(b.parts)) {
		if b.parts[i] != v.parts[i] {
			return false
		}
		if b.parts[i] > 0 {
			break
		}
	}
	return true
}
