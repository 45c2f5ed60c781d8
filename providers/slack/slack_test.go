package slack_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/providers/providertest"
	"tocsin/providers/slack"
	"tocsin/providers/slack/webhooktest"
	"tocsin/workflows/source"
)

func TestProvider(t *testing.T) {
	providertest.Run(t, slack.Provider)
}

// with is a mapping as a step or a configuration has it.
func with(pairs ...any) source.Value {
	var m source.Map
	for i := 0; i < len(pairs); i += 2 {
		m = append(m, source.Entry{Key: pairs[i].(string), Value: source.Of(pairs[i+1])})
	}
	return source.Value{Data: m}
}

func open(t testing.TB, config source.Value) *providers.Client {
	t.Helper()
	d := &dial.Dialer{}
	c, err := slack.Provider.Open(t.Context(), config, providers.Env{HTTP: d.Client(), Dialer: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// webhook is a client of a webhook server.
func webhook(t testing.TB, o webhooktest.Options) (*webhooktest.Server, *providers.Client) {
	t.Helper()
	s := webhooktest.New(o)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, open(t, with("webhook_url", h.URL+"/services/T0/B0/hush"))
}

func TestWebhookTakesMessages(t *testing.T) {
	s, c := webhook(t, webhooktest.Options{Path: "/services/T0/B0/hush"})
	_, err := c.Notify(t.Context(), with(
		"message", "db-1 is full",
		"channel", "#ops",
		"thread_timestamp", "1767323045.000200",
		"blocks", []any{map[string]any{"type": "divider"}},
		"attachments", []any{map[string]any{"color": "good"}},
	))
	if err != nil {
		t.Fatal(err)
	}
	got := s.Messages()
	if len(got) != 1 {
		t.Fatalf("%d messages, want 1", len(got))
	}
	m := got[0]
	if m.Text != "db-1 is full" || m.Channel != "#ops" || m.Thread != "1767323045.000200" {
		t.Errorf("text %q, channel %q, thread %q", m.Text, m.Channel, m.Thread)
	}
	if len(m.Blocks) != 1 || string(m.Blocks[0]) != `{"type":"divider"}` || len(m.Attachments) != 1 {
		t.Errorf("blocks %s, attachments %s", m.Blocks, m.Attachments)
	}
}

// What data brings along (reliability T1) is text: it arrives as it left.
func TestWebhookTextIsLiteral(t *testing.T) {
	s, c := webhook(t, webhooktest.Options{})
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`[^\x00]{1,40}`),
			rapid.SampledFrom([]string{"{{ 7*7 }}", `"}],"channel":"#all`, "<!channel> <@U1>", "a\r\nb", "' OR 1=1", "<b>&amp;</b>", "\u202e\u0000", "*_~`"}),
		).Draw(r, "text")
		if text == "" || !utf8.ValidString(text) {
			return
		}
		if _, err := c.Notify(t.Context(), with("message", text)); err != nil {
			r.Fatal(err)
		}
		all := s.Messages()
		if m := all[len(all)-1]; m.Text != text || m.Channel != "" {
			r.Fatalf("%q arrived as %q in %q", text, m.Text, m.Channel)
		}
	})
}

func TestWhatMayPass(t *testing.T) {
	tests := []struct {
		name      string
		answer    webhooktest.Answer
		temporary bool
		after     time.Duration
	}{
		{name: "too many, with a time", answer: webhooktest.RateLimited(30 * time.Second), temporary: true, after: 30 * time.Second},
		{name: "too many, without", answer: webhooktest.RateLimited(0), temporary: true},
		{name: "Slack is down", answer: webhooktest.RollupError, temporary: true},
		{name: "no such webhook", answer: webhooktest.NoService},
		{name: "no such channel", answer: webhooktest.ChannelNotFound},
		{name: "archived", answer: webhooktest.ChannelIsArchived},
		{name: "forbidden", answer: webhooktest.ActionProhibited},
		{name: "revoked", answer: webhooktest.InvalidToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := webhook(t, webhooktest.Options{Refuse: []webhooktest.Answer{tt.answer}})
			_, err := c.Notify(t.Context(), with("message", "hi"))
			e, ok := errors.AsType[*providers.Error](err)
			if !ok {
				t.Fatalf("%v is no *providers.Error", err)
			}
			if e.Temporary != tt.temporary || e.After != tt.after || e.Status != tt.answer.Status {
				t.Errorf("temporary %v, after %v, status %d", e.Temporary, e.After, e.Status)
			}
			if !strings.Contains(err.Error(), tt.answer.Body) {
				t.Errorf("%v does not quote %q", err, tt.answer.Body)
			}
			if n := s.Requests(); n != 1 {
				t.Errorf("%d requests, want 1: to try again is the engine's business", n)
			}
		})
	}
}

// Errors of net/http have the address in them, and a webhook's address is a secret.
func TestWebhookAddressStaysSecret(t *testing.T) {
	h := httptest.NewServer(http.NotFoundHandler())
	address := h.URL
	h.Close() // nobody listens there now
	for _, url := range []string{
		address + "/services/T0/B0/hush",
		"https://" + strings.TrimPrefix(address, "http://") + "/services/T0/B0/hush",
		"http://224.0.0.1/services/T0/B0/hush", // blocked
		"http://nowhere.invalid/services/T0/B0/hush",
	} {
		_, err := open(t, with("webhook_url", url)).Notify(t.Context(), with("message", "hi"))
		if err == nil {
			t.Errorf("%s: no error", url)
			continue
		}
		if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "services") {
			t.Errorf("%v shows the address", err)
		}
	}
}

func TestAddressesThatAreNoneStaySecret(t *testing.T) {
	for _, url := range []string{"hush", "ftp://hush/", "http://", "http://a\x7fhush/", "http://[hush"} {
		_, err := slack.Provider.Open(t.Context(), with("webhook_url", url), providers.Env{})
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// A connection that breaks may hold the next time; an address that is blocked will not.
func TestUnanswered(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler) // hangs up
	}))
	defer h.Close()
	for url, want := range map[string]bool{h.URL: true, "http://169.254.169.254": false} {
		_, err := open(t, with("webhook_url", url+"/services/x")).Notify(t.Context(), with("message", "hi"))
		e, ok := errors.AsType[*providers.Error](err)
		if !ok || e.Temporary != want {
			t.Errorf("%s: %v; want temporary %v", url, err, want)
		}
	}
}

// Whatever answers instead of Slack (reliability P1): an error, in time, and without
// the address.
func TestHostileServers(t *testing.T) {
	for _, b := range providertest.Behaviours() {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			url := providertest.Hostile(t, b)
			for _, c := range []*providers.Client{
				open(t, with("webhook_url", url+"/hush")),
				open(t, with("access_token", "xoxb-hush", "api_url", url+"/api/")),
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				start := time.Now()
				_, err := c.Notify(ctx, with("message", "hi", "channel", "C1"))
				cancel()
				if err == nil || strings.Contains(err.Error(), "hush") {
					t.Errorf("error: %v", err)
				}
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("took %v", took)
				}
				t.Log(err)
			}
		})
	}
}

func TestLongTextIsCutWithANote(t *testing.T) {
	s, c := webhook(t, webhooktest.Options{})
	for _, n := range []int{39_999, 40_000, 40_001, 100_000} {
		if _, err := c.Notify(t.Context(), with("message", strings.Repeat("ü", n))); err != nil {
			t.Fatal(err)
		}
		all := s.Messages()
		text := all[len(all)-1].Text
		if got := utf8.RuneCountInString(text); got != min(n, 40_000) {
			t.Errorf("%d characters arrived as %d", n, got)
		}
		if note := fmt.Sprintf("the text has %d characters", n); (n > 40_000) != strings.Contains(text, note) {
			t.Errorf("%d characters: note is %v", n, strings.Contains(text, note))
		}
	}
}

// A call is safe beside another on the same client.
func TestWebhookAtTheSameTime(t *testing.T) {
	s, c := webhook(t, webhooktest.Options{})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := c.Notify(t.Context(), with("message", fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(s.Messages()); n != 20 {
		t.Errorf("%d messages, want 20", n)
	}
}

func TestDemoTells(t *testing.T) {
	demo := slack.Provider.Demo
	var mu sync.Mutex
	var said []string
	h := httptest.NewServer(demo.Handler(func(line string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, line)
	}))
	defer h.Close()
	url := strings.ReplaceAll(demo.Config["webhook_url"], "{host}", strings.TrimPrefix(h.URL, "http://"))
	c := open(t, with("webhook_url", url))
	for _, m := range []source.Value{
		with("message", "db-1 is full", "channel", "#ops"),
		with("blocks", []any{map[string]any{"type": "divider"}}),
	} {
		if _, err := c.Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(said, "\n"), "#ops: db-1 is full\na message of blocks"; got != want {
		t.Errorf("said\n%s\nwant\n%s", got, want)
	}
}

func FuzzBlocks(f *testing.F) {
	for _, seed := range []string{``, `[]`, `{}`, `[{"type":"divider"}]`, `[1,[2]]`, `{"a":{"b":null}}`, `nonsense`, `"text"`} {
		f.Add(seed)
	}
	s := webhooktest.New(webhooktest.Options{})
	h := httptest.NewServer(s)
	f.Cleanup(h.Close)
	f.Fuzz(func(t *testing.T, blocks string) {
		before := s.Requests()
		_, err := open(t, with("webhook_url", h.URL)).Notify(t.Context(), with("message", "hi", "blocks", blocks))
		if err != nil && s.Requests() > before && strings.Contains(err.Error(), "invalid_payload") {
			t.Errorf("%q was sent as something that is no JSON: %v", blocks, err)
		}
	})
}
