package source

import (
	"slices"
	"unicode/utf8"
)

// Nearest is the candidate closest to name, or "" if none is near enough to be
// what was meant (two edits, fewer for short names). Swapping two neighbours is one
// edit; upper and lower case, and "-" and "_", count as the same. Names of two letters
// have too many neighbours for that: there only a slip of the finger counts, as in
// "iff" or "fi" for "if". Of equally near candidates the first wins.
func Nearest(name string, candidates []string) string {
	if utf8.RuneCountInString(name) > maxNear {
		return ""
	}
	want := folded(name)
	best, bestEdits := "", 3
	for _, c := range candidates {
		if c == name || utf8.RuneCountInString(c) > maxNear {
			continue
		}
		have := folded(c)
		most := min(edits(len(want)), edits(len(have)), bestEdits-1)
		d := distance(want, have, most)
		if d > most && bestEdits > 1 && slip(want, have) {
			d, most = 1, 1
		}
		if d <= most {
			best, bestEdits = c, d
		}
	}
	return best
}

// slip reports whether a name is one of two letters with these swapped or one of them
// doubled, or one of three without its second or third.
func slip(name, short []rune) bool {
	switch {
	case len(short) == 2 && len(name) == 2:
		return name[0] == short[1] && name[1] == short[0]
	case len(short) == 2 && len(name) == 3:
		return name[0] == short[0] && name[2] == short[1] && (name[1] == short[0] || name[1] == short[1])
	case len(short) == 3 && len(name) == 2:
		return name[0] == short[0] && (name[1] == short[1] || name[1] == short[2])
	}
	return false
}

// Alike reports whether two names are one but for case and for "-" and "_".
func Alike(a, b string) bool {
	return utf8.RuneCountInString(a) == utf8.RuneCountInString(b) && slices.Equal(folded(a), folded(b))
}

// Rename is the fix that writes the key of e another way, where the two are Alike: then
// there is nothing else that it can mean.
func (e Entry) Rename(to string) Fix {
	if !Alike(e.Key, to) {
		return Fix{}
	}
	return Fix{Pos: e.Pos, Old: e.Key, Text: to, What: "write " + to}
}

// maxNear bounds the work for names that nobody would write.
const maxNear = 64

// edits is how far a name of n characters may be from what was meant.
func edits(n int) int {
	switch {
	case n <= 2:
		return 0
	case n <= 4:
		return 1
	}
	return 2
}

func folded(s string) []rune {
	rs := []rune(s)
	for i, r := range rs {
		switch {
		case r >= 'A' && r <= 'Z':
			rs[i] = r + 'a' - 'A'
		case r == '_' || r == ' ':
			rs[i] = '-'
		}
	}
	return rs
}

// distance is the Damerau-Levenshtein distance (neighbours swapped at most once),
// or anything above most once it is known to be more than that.
func distance(a, b []rune, most int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	var rows [3][maxNear + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
