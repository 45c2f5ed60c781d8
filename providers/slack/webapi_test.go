package slack_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack/slacktest"

	"tocsin/providers"
	"tocsin/templating/value"
)

// workspace is a Slack of slack-go's, with what it does not have added.
func workspace(t *testing.T, handlers map[string]http.HandlerFunc) *providers.Client {
	t.Helper()
	s := slacktest.NewTestServer(func(c slacktest.Customize) {
		for path, h := range handlers {
			c.Handle(path, h)
		}
	})
	s.Start()
	t.Cleanup(s.Stop)
	return open(t, with("access_token", "xoxb-secret", "api_url", s.GetAPIURL()))
}

func TestWebAPI(t *testing.T) {
	var changed map[string]string
	c := workspace(t, map[string]http.HandlerFunc{
		"/chat.update": func(w http.ResponseWriter, r *http.Request) {
			changed = map[string]string{"ts": r.FormValue("ts"), "text": r.FormValue("text")}
			_, _ = w.Write([]byte(`{"ok":true,"channel":"C1","ts":"` + r.FormValue("ts") + `"}`))
		},
	})
	if err := c.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	posted, err := c.Notify(t.Context(), with("channel", "C1", "message", "db-1 is full",
		"blocks", []any{map[string]any{"type": "divider"}},
		"attachments", []any{map[string]any{"color": "good", "text": "x"}}))
	if err != nil {
		t.Fatalf("post: %v", err)
	}
	ts, _ := value.Member(posted, "slack_timestamp")
	if ts == "" {
		t.Fatalf("posted %v: no timestamp", posted)
	}
	for _, m := range [][]any{
		{"message", "still full", "thread_timestamp", ts},
		{"message", "it is over", "slack_timestamp", ts},
		{"message", "white_check_mark", "thread_timestamp", ts, "notification_type", "reaction"},
	} {
		if _, err := c.Notify(t.Context(), with(append(m, "channel", "C1")...)); err != nil {
			t.Errorf("%v: %v", m, err)
		}
	}
	if changed["ts"] != ts || changed["text"] != "it is over" {
		t.Errorf("changed %v, want %v to say \"it is over\"", changed, ts)
	}
}

func TestWebAPIRefuses(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		after     string
		body      string
		want      string
		temporary bool
		wait      time.Duration
	}{
		{name: "too many requests", status: 429, after: "7", body: `{"ok":false,"error":"ratelimited"}`, want: "429 Too Many Requests: ratelimited", temporary: true, wait: 7 * time.Second},
		{name: "too many requests, in a status of 200", status: 200, body: `{"ok":false,"error":"ratelimited"}`, want: "ratelimited", temporary: true},
		{name: "a time that is no number", status: 429, after: "soon", body: `{"ok":false,"error":"ratelimited"}`, want: "429 Too Many Requests: ratelimited", temporary: true},
		{name: "trouble at Slack", status: 200, body: `{"ok":false,"error":"internal_error"}`, want: "internal_error", temporary: true},
		{name: "down", status: 503, body: "<html>down</html>", want: "503 Service Unavailable: <html>down</html>", temporary: true},
		{name: "an empty answer", status: 200, body: "", want: "an empty answer"},
		{name: "some other JSON", status: 200, body: `{"success":true}`, want: `{"success":true}`},
		{name: "a list", status: 200, body: `[]`, want: `[]`},
		{name: "a long page", status: 200, body: strings.Repeat("lorem ", 1000), want: strings.Repeat("lorem ", 1000)[:200] + "…"},
		{name: "no such channel", status: 200, body: `{"ok":false,"error":"channel_not_found"}`, want: "channel_not_found (is it the id of the channel, and is the app in it?)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := func(w http.ResponseWriter, _ *http.Request) {
				if tt.after != "" {
					w.Header().Set("Retry-After", tt.after)
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}
			c := workspace(t, map[string]http.HandlerFunc{"/chat.postMessage": answer, "/reactions.add": answer, "/auth.test": answer})
			_, post := c.Notify(t.Context(), with("channel", "C1", "message", "hi"))
			_, react := c.Notify(t.Context(), with("channel", "C1", "message", "eyes", "thread_timestamp", "1", "notification_type", "reaction"))
			for op, err := range map[string]error{"slack: notify: ": post, "slack: notify:  ": react, "slack: check: ": c.Check(t.Context())} {
				e, ok := errors.AsType[*providers.Error](err)
				if !ok {
					t.Fatalf("%s%v is no *providers.Error", op, err)
				}
				if got, want := err.Error(), strings.TrimSpace(op)+" "+tt.want; got != want {
					t.Errorf("%q\nwant %q", got, want)
				}
				if e.Temporary != tt.temporary || e.After != tt.wait {
					t.Errorf("%v: temporary %v, after %v", err, e.Temporary, e.After)
				}
			}
		})
	}
}

// Nothing of a webhook can be checked without posting, so nothing is.
func TestCheckOfAWebhookSendsNothing(t *testing.T) {
	if err := open(t, with("webhook_url", "http://127.0.0.1:1/services/x")).Check(t.Context()); err != nil {
		t.Error(err)
	}
}
