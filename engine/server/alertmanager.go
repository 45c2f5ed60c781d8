package server

import (
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"tocsin/engine/ingest"
	"tocsin/providers/keep"
)

// maxFilters is how many matchers a question may have, and how long each may be.
const (
	maxFilters = 32
	maxFilter  = 512
)

// gettable answers Alertmanager's question for alerts.
func gettable(c *call) ([]ingest.Gettable, error) {
	var matchers []matcher
	if len(c.query["filter"]) > maxFilters {
		return nil, refuse(http.StatusBadRequest, "more than %d matchers", maxFilters)
	}
	for _, text := range c.query["filter"] {
		m, err := parseMatcher(text)
		if err != nil {
			return nil, err
		}
		matchers = append(matchers, m)
	}
	found, err := c.s.Store.Alerts(c.Context(), keep.Search{Distinct: true, Limit: 10_000})
	list := []ingest.Gettable{}
	for _, f := range found {
		if textAt(f.Alert, "status") == "resolved" {
			continue
		}
		g := ingest.GettableOf(f.Alert)
		if c.wants(g.Status.State) && fits(matchers, g.Labels) {
			list = append(list, g)
		}
	}
	return list, err
}

// wants says that alerts in a state are asked for.
func (c *call) wants(state string) bool {
	name := map[string]string{"active": "active", "suppressed": "silenced", "unprocessed": "unprocessed"}[state]
	b, err := strconv.ParseBool(c.query.Get(name))
	return err != nil || b
}

// A matcher is what a label must be, as Alertmanager writes it: severity="critical".
type matcher struct {
	label string
	not   bool
	fits  func(string) bool
}

func parseMatcher(text string) (m matcher, err error) {
	wrong := refuse(http.StatusBadRequest, "%q is no matcher: write severity=\"critical\", with =, !=, =~ or !~", short(text))
	i := strings.IndexAny(text, "=!")
	if i <= 0 || len(text) > maxFilter {
		return m, wrong
	}
	m.label = strings.TrimSpace(text[:i])
	rest := text[i:]
	pattern := false
	switch {
	case strings.HasPrefix(rest, "=~"):
		pattern, rest = true, rest[2:]
	case strings.HasPrefix(rest, "!~"):
		pattern, m.not, rest = true, true, rest[2:]
	case strings.HasPrefix(rest, "!="):
		m.not, rest = true, rest[2:]
	case strings.HasPrefix(rest, "="):
		rest = rest[1:]
	default:
		return m, wrong
	}
	want := strings.TrimSpace(rest)
	if quoted, err := strconv.Unquote(want); err == nil {
		want = quoted
	}
	if !pattern {
		m.fits = func(s string) bool { return s == want }
		return m, nil
	}
	re, err := regexp.Compile("^(?:" + want + ")$")
	if err != nil {
		return m, wrong
	}
	m.fits = re.MatchString
	return m, nil
}

func fits(matchers []matcher, labels map[string]string) bool {
	for _, m := range matchers {
		if m.fits(labels[m.label]) == m.not {
			return false
		}
	}
	return true
}

// An amStatus is Alertmanager's answer to what it is.
type amStatus struct {
	Cluster struct {
		Status string   `json:"status"`
		Peers  []string `json:"peers"`
	} `json:"cluster"`
	Config struct {
		Original string `json:"original"`
	} `json:"config"`
	Uptime  time.Time `json:"uptime"`
	Version struct {
		Branch    string `json:"branch"`
		BuildDate string `json:"buildDate"`
		BuildUser string `json:"buildUser"`
		GoVersion string `json:"goVersion"`
		Revision  string `json:"revision"`
		Version   string `json:"version"`
	} `json:"versionInfo"`
}

func alertmanagerStatus(c *call) (amStatus, error) {
	v := amStatus{Uptime: c.s.began.UTC()}
	v.Cluster.Status, v.Cluster.Peers = "disabled", []string{}
	v.Version.GoVersion, v.Version.Version = runtime.Version(), orElse(c.s.Version, "development")
	return v, nil
}
