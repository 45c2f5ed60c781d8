package cmd

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// An initCommand is "tocsin init" and its flags.
type initCommand struct {
	*setup
	from    string
	timeout time.Duration
	force   bool
}

func newInitCommand(s *setup) *cobra.Command {
	i := &initCommand{setup: s}
	c := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented first workflow file",
		Long: `Init writes a workflow file to start from, by default check.yaml. With --from it calls
an http or websocket address once and writes what it answered as "expect" lines.`,
		Example: `  tocsin init
  tocsin init api.yaml --from https://api.example.com/health
  tocsin init echo.yaml --from wss://echo.example.com`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name := "check.yaml"
			if len(args) == 1 {
				name = args[0]
			}
			return i.init(c.Context(), name)
		},
	}
	f := c.Flags()
	f.StringVar(&i.from, "from", "", "address to call once: http://, https://, ws:// or wss://")
	f.DurationVar(&i.timeout, "timeout", 10*time.Second, "time for that call")
	f.Var((*list)(&s.resolves), "resolve", "connect to another address: HOST:PORT:ADDRESS (repeatable)")
	f.BoolVarP(&i.force, "force", "f", false, "overwrite the file")
	return c
}

func (i *initCommand) init(ctx context.Context, name string) error {
	check := firstCheck()
	if i.from != "" {
		var err error
		if check, err = i.ask(ctx); err != nil {
			return err
		}
	}
	if err := writeFirst(name, check.document(name), i.force); err != nil {
		return err
	}
	fmt.Fprintf(i.stdout, "wrote %s\n\n  tocsin run %s\n", name, name)
	return nil
}

// A firstFile is what init writes: one step and what its answer must be.
type firstFile struct {
	id, description string
	provider        string
	config          string   // name of its configuration; "": none
	with            []string // lines of the step's parameters
	expect          []string // conditions
	notes           []string // what else to know, each a line
}

// firstCheck is the file for someone who has named no address.
func firstCheck() firstFile {
	return firstFile{
		id: "first-check", description: "Whether example.com answers",
		provider: "http",
		with:     []string{`url: "https://example.com"`, "method: GET", "timeout: 10s"},
		expect:   []string{"{{ results.status_code }} == 200", "{{ results.timings.total_ms }} < 5000"},
	}
}

// document is the file's text.
func (f firstFile) document(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Run it:                  tocsin run %[1]s
# Check it without calls:  tocsin validate %[1]s
# What a key means:        tocsin explain step.expect
%[5]sworkflow:
  id: %[2]s
  description: %[3]s

  # Steps ask. Each names a provider ("tocsin providers" lists them).
  steps:
    - name: ask
      provider:
        type: %[4]s
%[6]s        with:
`, name, f.id, quoteYAML(f.description), f.provider, comments(f.notes), f.configured())
	for _, line := range f.with {
		fmt.Fprintf(&b, "          %s\n", line)
	}
	b.WriteString("      # What must hold of the answer; each line is one test of a smoke check.\n      expect:\n")
	for _, e := range f.expect {
		fmt.Fprintf(&b, "        - %s\n", quoteYAML(e))
	}
	b.WriteString(`
  # What is told when a step fails. With Slack instead of the console:
  #   type: slack
  #   config: "{{ providers.slack-ops }}"
  # and in providers.yaml beside this file:
  #   slack-ops: {authentication: {webhook_url: "https://hooks.slack.com/services/..."}}
  on-failure:
    provider:
      type: console
`)
	return b.String()
}

// configured is the line that names the configuration, if there is one.
func (f firstFile) configured() string {
	if f.config == "" {
		return ""
	}
	return "        config: " + quoteYAML("{{ providers."+f.config+" }}") + "\n"
}

// comments are notes as lines of YAML.
func comments(notes []string) string {
	var b strings.Builder
	for _, note := range notes {
		fmt.Fprintf(&b, "# %s\n", note)
	}
	return b.String()
}

// quoteYAML is text as a YAML scalar in double quotes.
func quoteYAML(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + `"`
}

// ask calls the address and describes its answer.
func (i *initCommand) ask(ctx context.Context) (firstFile, error) {
	u, err := url.Parse(i.from)
	if err != nil || u.Host == "" {
		return firstFile{}, usage("write it whole: https://example.com/health", "--from %s is not an address", i.from)
	}
	typ, key := "http", "url"
	switch u.Scheme {
	case "http", "https":
	case "ws", "wss":
		typ, key = "websocket", "socket_url"
	default:
		return firstFile{}, usage("http, https, ws and wss can be called", "--from %s: no such scheme %q", i.from, u.Scheme)
	}
	with := value.MapOf(value.Entry{Key: key, Value: i.from}, value.Entry{Key: "timeout", Value: i.timeout.String()})
	lines := []string{key + ": " + quoteYAML(i.from), "timeout: " + i.timeout.String()}
	if typ == "http" {
		with.Set("method", "GET")
		with.Set("fail_on_error", false)
		lines = append(lines, "method: GET", "fail_on_error: false # the expectations judge the answer")
	}
	answer, err := i.query(ctx, typ, with)
	if err != nil {
		return firstFile{}, broken(err)
	}
	return firstFile{
		id: identifier(u.Hostname()), description: "Whether " + u.Host + " answers as it did",
		provider: typ, with: lines, expect: expectations(typ, answer),
	}, nil
}

// query calls a provider once.
func (i *initCommand) query(ctx context.Context, typ string, with *value.Map) (any, error) {
	env, err := i.env(i.stdout)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, i.timeout+time.Second)
	defer cancel()
	pool := providers.NewPool(i.registry, env)
	defer pool.Close()
	client, err := pool.Client(ctx, typ, "")
	if err != nil {
		return nil, err
	}
	return client.Query(ctx, source.Of(with))
}

// identifier makes a workflow's id of a host name.
func identifier(host string) string {
	words := strings.FieldsFunc(strings.ToLower(host), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return "check-" + strings.Join(words, "-")
}

// expectations are conditions that the answer meets.
func expectations(typ string, answer any) []string {
	if typ == "websocket" {
		return websocketExpectations(answer)
	}
	return httpExpectations(answer)
}

func websocketExpectations(answer any) []string {
	if connection, _ := at(answer, "connection"); connection != true {
		message, _ := at(answer, "error", "message")
		return []string{"{{ results.connection }} == false", "{{ results.error.message }} == " + value.Repr(message)}
	}
	expect := []string{"{{ results.connection }} == true"}
	if data, _ := at(answer, "data"); stable(data) {
		expect = append(expect, "{{ results.data }} == "+value.Repr(data))
	}
	return append(expect, common(answer)...)
}

func httpExpectations(answer any) []string {
	status, _ := at(answer, "status_code")
	expect := []string{"{{ results.status_code }} == " + value.Repr(status)}
	if body, _ := at(answer, "body"); body != nil {
		expect = append(expect, bodyExpectations(body)...)
	}
	return append(expect, common(answer)...)
}

// common are conditions on what every answer has: ten times the time that the call took,
// half a second at least, and a certificate that has two weeks left.
func common(answer any) []string {
	took, _ := at(answer, "timings", "total_ms")
	ms, _ := took.(float64)
	expect := []string{fmt.Sprintf("{{ results.timings.total_ms }} < %d", max(500, int(ms*10/100+1)*100))}
	if days, ok := at(answer, "tls", "days_left"); ok && days != nil {
		expect = append(expect, "{{ results.tls.days_left }} > 14")
	}
	return expect
}

// maxBodyExpectations is how many fields of a body are written down: enough to be
// useful, few enough to be read.
const maxBodyExpectations = 8

// bodyExpectations are conditions on the first level of a JSON body: stable values are
// compared, others only have to be there.
func bodyExpectations(body any) []string {
	m, ok := body.(*value.Map)
	if !ok {
		return nil
	}
	var expect []string
	for key, v := range m.All() {
		if !plainKey(key) || len(expect) == maxBodyExpectations {
			continue
		}
		path := "{{ results.body." + key + " }}"
		switch {
		case stable(v):
			expect = append(expect, path+" == "+value.Repr(v))
		case v != nil:
			expect = append(expect, path+" is not None")
		}
	}
	return expect
}

// plainKey says that a key can stand in a path.
func plainKey(key string) bool {
	return key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" && strings.IndexAny(key, "0123456789-") != 0
}

// stable says that a value will likely be the same tomorrow: a boolean, or a short text
// that is no time, number or identifier.
func stable(v any) bool {
	switch v := v.(type) {
	case bool:
		return true
	case string:
		return v != "" && len(v) <= 40 && !fourDigits(v) && !strings.ContainsAny(v, "\r\n{}")
	}
	return false
}

// fourDigits says that a text has a year, a count or an identifier in it.
func fourDigits(text string) bool {
	run := 0
	for _, r := range text {
		if r < '0' || r > '9' {
			run = -1
		}
		if run++; run == 4 {
			return true
		}
	}
	return false
}

// at follows keys into a value.
func at(v any, path ...string) (any, bool) {
	for _, key := range path {
		var ok bool
		if v, ok = value.Member(v, key); !ok {
			return nil, false
		}
	}
	return v, true
}
