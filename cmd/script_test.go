package cmd_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tocsin/cmd"
	"tocsin/providers/all"
	"tocsin/providers/slack/webhooktest"
	"tocsin/providers/websocket/echotest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tocsin": func() { os.Exit(cmd.Main(os.Args[1:], all.Registry())) },
	})
}

var update = os.Getenv("TOCSIN_UPDATE_SCRIPTS") != ""

// TestScripts runs the program as people use it: testdata/script has a file for each
// thing that they do.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       update,
		Setup: func(e *testscript.Env) error {
			e.Values[feedsKey{}] = map[string]*feedLog{}
			e.Values[slacksKey{}] = &slacks{byName: map[string]*slackServer{}}
			root, err := filepath.Abs("..")
			e.Setenv("TOP", root)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"wsserver":   wsserver,
			"httpserver": httpserver,
			"slack":      slack,
			"told":       told,
			"exits":      exits,
			"feed":       feed,
			"heard":      heard,
			"hears":      hears,
			"terminate":  terminate,
		},
	})
}

// wsserver VAR [greet|echo|silent|hang|refuse|STATUS] starts a websocket server and sets
// VAR to its address. refuse sets the address of a port that nobody listens on, hang is
// a server that accepts connections and says nothing, silent one that upgrades and then
// says nothing, greet one that says hello first.
func wsserver(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "usage: wsserver VAR KIND")
	var host string
	switch kind := args[1]; kind {
	case "refuse":
		l := listen(ts)
		host = l.Addr().String()
		ts.Check(l.Close())
	case "hang":
		l := listen(ts)
		host = l.Addr().String()
		ts.Defer(func() { _ = l.Close() })
	case "greet", "echo", "silent":
		s := httptest.NewServer(echotest.Handler(map[string]echotest.Kind{
			"greet": echotest.Greet, "echo": echotest.Echo, "silent": echotest.Silent,
		}[kind]))
		ts.Defer(func() { s.CloseClientConnections(); s.Close() })
		host = strings.TrimPrefix(s.URL, "http://")
	default:
		status, err := strconv.Atoi(kind)
		ts.Check(err)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		ts.Defer(s.Close)
		host = strings.TrimPrefix(s.URL, "http://")
	}
	ts.Setenv(args[0], "ws://"+host)
	setHost(ts, args[0], host)
}

// setHost sets VAR_HOST to host:port and VAR_PORT to the port.
func setHost(ts *testscript.TestScript, name, host string) {
	ts.Setenv(name+"_HOST", host)
	ts.Setenv(name+"_PORT", host[strings.LastIndexByte(host, ':')+1:])
}

func listen(ts *testscript.TestScript) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	return l
}

// httpserver VAR STATUS BODY... starts an HTTP server that always answers so; a STATUS of
// 503,200 answers 503 first and 200 from then on.
func httpserver(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 2, "usage: httpserver VAR STATUS[,STATUS] [BODY]")
	statuses := strings.Split(args[1], ",")
	body := strings.Join(args[2:], " ")
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		status, err := strconv.Atoi(statuses[0])
		if len(statuses) > 1 {
			statuses = statuses[1:]
		}
		mu.Unlock()
		if err != nil {
			status = http.StatusInternalServerError
		}
		if strings.HasPrefix(body, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	ts.Defer(s.Close)
	ts.Setenv(args[0], s.URL)
	setHost(ts, args[0], strings.TrimPrefix(s.URL, "http://"))
}

type slacksKey struct{}

// slacks are the Slack servers of one script.
type slacks struct{ byName map[string]*slackServer }

type slackServer struct {
	mu    sync.Mutex
	texts []string
}

// slack NAME [ok|down|ANSWER|STATUS:BODY[:RETRY-AFTER]]... defines the configuration NAME
// as an incoming webhook that answers so, first answer first, and takes messages after
// that. down is an address that nobody listens on.
func slack(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 1, "usage: slack NAME [ANSWER...]")
	name, answers := args[0], args[1:]
	s := &slackServer{}
	ts.Value(slacksKey{}).(*slacks).byName[name] = s
	opts := webhooktest.Options{Sent: func(m webhooktest.Message) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.texts = append(s.texts, m.Text)
	}}
	for _, a := range answers {
		if a != "ok" && a != "down" {
			opts.Refuse = append(opts.Refuse, slackAnswer(ts, a))
		}
	}
	server := httptest.NewServer(webhooktest.New(opts))
	url := server.URL + "/services/T0/B0/canary-secret-path"
	if len(answers) == 1 && answers[0] == "down" {
		server.Close()
	} else {
		ts.Defer(server.Close)
	}
	variable := "TOCSIN_PROVIDER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	ts.Setenv(variable, fmt.Sprintf(`{"authentication": {"webhook_url": %q}}`, url))
}

func slackAnswer(ts *testscript.TestScript, spec string) webhooktest.Answer {
	parts := strings.SplitN(spec, ":", 3)
	status, err := strconv.Atoi(parts[0])
	ts.Check(err)
	a := webhooktest.Answer{Status: status}
	if len(parts) > 1 {
		a.Body = parts[1]
	}
	if len(parts) > 2 {
		a.RetryAfter, err = time.ParseDuration(parts[2])
		ts.Check(err)
	}
	return a
}

// told NAME N [TEXT] checks that the Slack server NAME took N messages since it was last
// asked, and that the last one has the text in it.
func told(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 2, "usage: told NAME N [TEXT]")
	s := ts.Value(slacksKey{}).(*slacks).byName[args[0]]
	need(ts, s != nil, "no slack server "+args[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if len(s.texts) != n {
		ts.Fatalf("%s was told %d times, not %d: %q", args[0], len(s.texts), n, s.texts)
	}
	if n > 0 && len(args) > 2 && !strings.Contains(s.texts[n-1], args[2]) {
		ts.Fatalf("%s was told %q, which has no %q", args[0], s.texts[n-1], args[2])
	}
	s.texts = nil
}

// exits CODE ARGS... runs tocsin and checks its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 2, "usage: exits CODE tocsin ARGS...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		code, ok := exitCode(err)
		need(ts, ok, fmt.Sprint(err))
		got = code
	}
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func exitCode(err error) (int, bool) {
	e, ok := err.(interface{ ExitCode() int })
	if !ok {
		return 0, false
	}
	return e.ExitCode(), true
}

func need(ts *testscript.TestScript, ok bool, message string) {
	if !ok {
		ts.Fatalf("%s", message)
	}
}
