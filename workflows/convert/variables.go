package convert

import (
	"regexp"
	"strings"
	"sync"
)

// telegrafVariable is how a configuration of Telegraf names variables of the environment,
// and what is in a store of secrets.
var telegrafVariable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|\$([A-Za-z_]\w*)|@\{(\w+:\w+)\}`)
})

// benthosPieces splits at ${VAR} and ${VAR:default}. ${{VAR}} is ${VAR} itself, and
// ${!...} something that is computed for each message.
func benthosPieces(text string) []piece {
	var pieces []piece
	at := 0
	for at < len(text) {
		from := strings.Index(text[at:], "${")
		if from < 0 {
			break
		}
		from += at
		p, to := benthosPiece(text, from)
		if from > at {
			pieces = append(pieces, piece{at: at, text: text[at:from]})
		}
		pieces = append(pieces, p)
		at = to
	}
	if at < len(text) {
		pieces = append(pieces, piece{at: at, text: text[at:]})
	}
	return pieces
}

// benthosPiece is the one that begins with the "${" at from, and where it ends.
func benthosPiece(text string, from int) (piece, int) {
	body, _, closed := strings.Cut(text[from+2:], "}")
	to := from + 2 + len(body) + 1
	switch {
	case !closed:
		return piece{at: from, text: text[from : from+2]}, from + 2
	case strings.HasPrefix(body, "!"):
		return piece{at: from, refused: "${" + body + "} is computed for each message, in a language that is not spoken here"}, to
	case strings.HasPrefix(body, "{") && strings.HasPrefix(text[to:], "}"):
		return piece{at: from, text: "${" + body[1:] + "}"}, to + 1
	}
	name, fallback, has := strings.Cut(body, ":")
	switch {
	case name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") != "":
		return piece{at: from, text: text[from:to]}, to
	case strings.Contains(fallback, "${"):
		return piece{at: from, refused: "the fallback of " + name + " is a variable of its own"}, to
	case has:
		return piece{at: from, variable: name, fallback: &fallback}, to
	}
	return piece{at: from, variable: name}, to
}

// telegrafPieces splits at $VAR, ${VAR}, ${VAR:-default} and @{store:key}.
func telegrafPieces(text string) []piece {
	var pieces []piece
	at := 0
	for _, m := range telegrafVariable().FindAllStringSubmatchIndex(text, -1) {
		if m[0] > at {
			pieces = append(pieces, piece{at: at, text: text[at:m[0]]})
		}
		p := piece{at: m[0]}
		for _, group := range []int{1, 3, 4} {
			if m[2*group] >= 0 {
				p.variable = text[m[2*group]:m[2*group+1]]
			}
		}
		if m[4] >= 0 {
			fallback := text[m[4]:m[5]]
			p.fallback = &fallback
		}
		pieces = append(pieces, p)
		at = m[1]
	}
	if at < len(text) {
		pieces = append(pieces, piece{at: at, text: text[at:]})
	}
	return pieces
}
