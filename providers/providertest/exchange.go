package providertest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// An exchange is one file of testdata.
type exchange struct {
	file   string
	op     string // "query" or "notify"
	config source.Value
	with   source.Value
	rounds []round
	result *string
	err    *string
	stdout *string
}

// A round is a request and its answer.
type round struct {
	method, url string
	want        message
	status      int
	answer      message
}

// A message is headers and a body.
type message struct {
	header http.Header
	body   string
}

// read reads an exchange; what is wrong with the file ends the test.
func read(t testing.TB, file string) exchange {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	x := exchange{file: file}
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		t.Errorf("%s: there is no comment that says what it shows", file)
	}
	for _, f := range archive.Files {
		if err := x.section(f.Name, string(f.Data)); err != nil {
			t.Fatalf("%s: -- %s --: %v", file, f.Name, err)
		}
	}
	if n := len(x.rounds); n > 0 && x.rounds[n-1].status == 0 {
		t.Fatalf("%s: the last request has no response", file)
	}
	return x
}

// section takes one section.
func (x *exchange) section(name, text string) (err error) {
	switch name {
	case "config":
		x.config, err = parse(x.file, text)
	case "query", "notify":
		if x.op != "" {
			return fmt.Errorf("there is a %s already", x.op)
		}
		x.op = name
		x.with, err = parse(x.file, text)
	case "request":
		return x.request(text)
	case "response":
		return x.response(text)
	case "result":
		x.result = &text
	case "error":
		x.err = &text
	case "stdout":
		x.stdout = &text
	default:
		return fmt.Errorf("no such section; there are config, query, notify, request, response, result, error, stdout")
	}
	return err
}

func parse(file, text string) (source.Value, error) {
	if strings.TrimSpace(text) == "" {
		return source.Value{Data: source.Map{}}, nil
	}
	return source.Parse(file, []byte(text))
}

func (x *exchange) request(text string) error {
	if n := len(x.rounds); n > 0 && x.rounds[n-1].status == 0 {
		return fmt.Errorf("the request before it has no response")
	}
	first, m, err := split(text)
	if err != nil {
		return err
	}
	method, url, ok := strings.Cut(first, " ")
	if !ok {
		return fmt.Errorf("%q is not a method and a URL", first)
	}
	x.rounds = append(x.rounds, round{method: method, url: url, want: m})
	return nil
}

func (x *exchange) response(text string) error {
	n := len(x.rounds)
	if n == 0 || x.rounds[n-1].status != 0 {
		return fmt.Errorf("there is no request before it")
	}
	first, m, err := split(text)
	if err != nil {
		return err
	}
	code, _, _ := strings.Cut(first, " ")
	status, err := strconv.Atoi(code)
	if err != nil {
		return fmt.Errorf("%q does not begin with a status", first)
	}
	x.rounds[n-1].status, x.rounds[n-1].answer = status, m
	return nil
}

// split parts a message into first line, headers and body.
func split(text string) (first string, m message, err error) {
	head, body, _ := strings.Cut(text, "\n\n")
	first, lines, _ := strings.Cut(strings.TrimRight(head, "\n"), "\n")
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(lines + "\n\n"))).ReadMIMEHeader()
	if err != nil {
		return "", message{}, err
	}
	return strings.TrimSpace(first), message{http.Header(header), strings.TrimSuffix(body, "\n")}, nil
}

// A player answers requests as an exchange says.
type player struct {
	t  testing.TB
	x  exchange
	mu sync.Mutex
	n  int // requests so far
}

func newPlayer(t testing.TB, x exchange) *player {
	p := &player{t: t, x: x}
	t.Cleanup(func() {
		if p.n < len(x.rounds) && !t.Failed() {
			t.Errorf("%s: %d of %d requests were made", x.file, p.n, len(x.rounds))
		}
	})
	return p
}

// RoundTrip compares the request with the next one of the exchange.
func (p *player) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n >= len(p.x.rounds) {
		p.t.Errorf("%s: a request that is not in the file:\n%s", p.x.file, dump(req, body))
		return nil, fmt.Errorf("%s has no such request", p.x.file)
	}
	r := p.x.rounds[p.n]
	p.n++
	if why := r.differs(req, body); why != "" {
		p.t.Errorf("%s: request %d: %s. The request:\n%s", p.x.file, p.n, why, dump(req, body))
	}
	return r.respond(req), nil
}

func readBody(req *http.Request) (string, error) {
	if req.Body == nil {
		return "", nil
	}
	defer req.Body.Close()
	body, err := io.ReadAll(req.Body)
	return string(body), err
}

// differs says in what the request is not the one that was wanted, or "".
func (r round) differs(req *http.Request, body string) string {
	if req.Method != r.method || req.URL.String() != r.url {
		return fmt.Sprintf("want %s %s", r.method, r.url)
	}
	for name, want := range r.want.header {
		got := req.Header.Values(name)
		if name == "Host" {
			got = []string{req.Host}
		}
		if !slices.Equal(got, want) {
			return fmt.Sprintf("want %s: %s", name, strings.Join(want, ", "))
		}
	}
	if !sameBody(body, r.want.body) {
		return fmt.Sprintf("want the body\n%s\n", r.want.body)
	}
	return ""
}

// sameBody compares as JSON where that is what was wanted.
func sameBody(got, want string) bool {
	if g, err := value.DecodeJSON([]byte(got)); err == nil {
		if w, err := value.DecodeJSON([]byte(want)); err == nil {
			return matches(g, w)
		}
	}
	return strings.TrimSuffix(got, "\n") == want
}

func (r round) respond(req *http.Request) *http.Response {
	header := r.answer.header.Clone()
	if header.Get("Content-Type") == "" && strings.HasPrefix(r.answer.body, "{") {
		header.Set("Content-Type", "application/json")
	}
	return &http.Response{
		StatusCode:    r.status,
		Status:        fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(strings.NewReader(r.answer.body)),
		ContentLength: int64(len(r.answer.body)),
		Request:       req,
	}
}

// dump is a request as an exchange would write it.
func dump(req *http.Request, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", req.Method, req.URL)
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		for _, v := range req.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	if body != "" {
		fmt.Fprintf(&b, "\n%s\n", body)
	}
	return b.String()
}
