package format

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// newOpenMetrics reads OpenMetrics 1.0 (RFC draft-ietf-opsawg-openmetrics): it is
// rewritten, line by line, into the text of Prometheus, which is the older form of the
// same.
func newOpenMetrics(o *Options) (func([]byte, time.Time) (entries, error), error) {
	ignore := o.IgnoreTime
	return func(data []byte, _ time.Time) (entries, error) {
		text, err := older(data)
		if err != nil {
			return entries{}, err
		}
		return families(text, ignore)
	}, nil
}

// older is OpenMetrics as the text of Prometheus.
func older(data []byte) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, len(data)))
	ended := false
	n := 0
	for line := range bytes.Lines(data) {
		n++
		line = bytes.TrimRight(line, "\r\n")
		var err error
		switch {
		case ended && len(line) > 0:
			err = fmt.Errorf("there is text behind # EOF")
		case string(line) == "# EOF":
			ended = true
		case bytes.HasPrefix(line, []byte("# TYPE ")):
			out.Write(olderType(string(line)))
		case bytes.HasPrefix(line, []byte("#")), len(line) == 0: // HELP and UNIT say nothing about values
		default:
			err = olderSample(out, string(line))
		}
		if err != nil {
			return nil, fmt.Errorf("no OpenMetrics: line %d: %w", n, err)
		}
	}
	if !ended {
		return nil, fmt.Errorf("no OpenMetrics: it does not end with # EOF")
	}
	return out.Bytes(), nil
}

// olderTypes say what the older text has for a type, and what the name of its samples
// ends with. Other types are untyped there, line by line.
var olderTypes = map[string]struct{ suffix, typ string }{
	"counter": {"_total", "counter"}, "gauge": {"", "gauge"}, "info": {"_info", "gauge"}, "stateset": {"", "gauge"},
	"summary": {"", "summary"}, "histogram": {"", "histogram"},
}

func olderType(line string) []byte {
	parts := strings.Fields(line)
	if len(parts) != 4 {
		return nil
	}
	t, ok := olderTypes[parts[3]]
	if !ok {
		return nil
	}
	return fmt.Appendf(nil, "# TYPE %s%s %s\n", parts[2], t.suffix, t.typ)
}

// olderSample writes name{labels} value [time], without the exemplar, and the time in
// milliseconds.
func olderSample(out *bytes.Buffer, line string) error {
	end := labelsEnd(line)
	if end < 0 {
		return fmt.Errorf("the labels do not end")
	}
	rest := line[end:]
	if exemplar := strings.Index(rest, " # {"); exemplar >= 0 {
		rest = rest[:exemplar]
	}
	parts := strings.Fields(rest)
	if len(parts) < 1 || len(parts) > 2 {
		return fmt.Errorf("%s is no value", shown(rest))
	}
	out.WriteString(line[:end])
	out.WriteByte(' ')
	out.WriteString(parts[0])
	if len(parts) == 2 {
		ms, err := millis(parts[1])
		if err != nil {
			return err
		}
		out.WriteByte(' ')
		out.WriteString(ms)
	}
	out.WriteByte('\n')
	return nil
}

// labelsEnd is where the name and the labels end.
func labelsEnd(line string) int {
	quoted, open := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			open = true
		case c == '}':
			return i + 1
		case (c == ' ' || c == '\t') && !open:
			return i
		}
	}
	return -1
}

// millis are seconds, with a fraction or not, as whole milliseconds.
func millis(seconds string) (string, error) {
	n, ok := new(big.Rat).SetString(seconds)
	if !ok || len(seconds) > 30 || strings.ContainsAny(seconds, "/xXpPeE_") {
		return "", fmt.Errorf("%s is no time", shown(seconds))
	}
	n.Mul(n, big.NewRat(1000, 1))
	return new(big.Int).Quo(n.Num(), n.Denom()).String(), nil
}
