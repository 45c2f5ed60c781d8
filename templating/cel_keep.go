package templating

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// keepPatterns are those by which Keep rewrites CEL (spec §2.3, steps 4 and 5).
var keepPatterns = sync.OnceValues(func() (source, severity *regexp.Regexp) {
	source = regexp.MustCompile(`source\s*==\s*['"]([^'"]+)['"]`)
	severity = regexp.MustCompile(`(?i)([\pL\pN_]+)\s*([=><!]=?)\s*("critical"|'critical'|"high"|'high'|"warning"|'warning'|"info"|'info'|"low"|'low')`)
	return source, severity
})

// KeepCEL is CEL as Keep rewrites it before it evaluates it: source == 'x' becomes
// source.contains("x"), and the word in severity == 'high' its number. It looks at
// letters only, so that resource and labels.severity are rewritten too.
func KeepCEL(text string) string {
	source, _ := keepPatterns()
	return KeepSeverities(source.ReplaceAllString(text, `source.contains("$1")`))
}

// KeepSeverities is the half of KeepCEL that is about severity.
func KeepSeverities(text string) string {
	_, severity := keepPatterns()
	return severity.ReplaceAllStringFunc(text, func(match string) string {
		m := severity.FindStringSubmatch(match)
		if !strings.EqualFold(m[1], "severity") {
			return match
		}
		rank, _ := SeverityRank(strings.Trim(m[3], `'"`))
		return m[1] + " " + m[2] + " " + strconv.FormatInt(rank, 10)
	})
}
