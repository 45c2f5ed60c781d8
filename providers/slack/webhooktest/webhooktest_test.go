package webhooktest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/providers/slack/webhooktest"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

func TestAnswers(t *testing.T) {
	section := func(n int) string {
		return fmt.Sprintf(`{"blocks":[{"type":"section","text":{"type":"mrkdwn","text":%q}}]}`, strings.Repeat("ü", n))
	}
	tests := []struct {
		name, kind, body string
		status           int
		want             string
	}{
		{"text", jsonType, `{"text":"hi"}`, 200, "ok"},
		{"with a charset", jsonType + "; charset=utf-8", `{"text":"hi"}`, 200, "ok"},
		{"a form", formType, "payload=" + url.QueryEscape(`{"text":"hi"}`), 200, "ok"},
		{"a form without payload", formType, "text=hi", 400, "invalid_payload"},
		{"no JSON", jsonType, `text`, 400, "invalid_payload"},
		{"a list", jsonType, `["hi"]`, 400, "invalid_payload"},
		{"two texts", jsonType, `{"text":"hi"}{}`, 400, "invalid_payload"},
		{"text that is a number", jsonType, `{"text":5}`, 400, "invalid_payload"},
		{"nothing", jsonType, `{}`, 400, "no_text"},
		{"empty text", jsonType, `{"text":""}`, 400, "no_text"},
		{"attachments only", jsonType, `{"attachments":[{"text":"x"}]}`, 200, "ok"},
		{"101 attachments", jsonType, `{"attachments":[` + strings.Repeat(`{},`, 100) + `{}]}`, 400, "too_many_attachments"},
		{"a block without a type", jsonType, `{"blocks":[{}]}`, 400, "invalid_blocks"},
		{"a block that is a text", jsonType, `{"blocks":["divider"]}`, 400, "invalid_blocks"},
		{"51 blocks", jsonType, `{"blocks":[` + strings.Repeat(`{"type":"divider"},`, 50) + `{"type":"divider"}]}`, 400, "invalid_blocks"},
		{"a section of 3000", jsonType, section(3000), 200, "ok"},
		{"a section of 3001", jsonType, section(3001), 400, "invalid_blocks"},
		{"an empty section", jsonType, `{"blocks":[{"type":"section"}]}`, 400, "invalid_blocks"},
		{"a header in mrkdwn", jsonType, `{"blocks":[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]}`, 400, "invalid_blocks"},
		{"a header", jsonType, `{"blocks":[{"type":"header","text":{"type":"plain_text","text":"x","emoji":true}}]}`, 200, "ok"},
		{"rich text", jsonType, `{"blocks":[{"type":"rich_text","elements":[]}]}`, 200, "ok"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := webhooktest.New(webhooktest.Options{})
			resp := post(s, "/services/x", tt.kind, tt.body)
			if resp.Code != tt.status || resp.Body.String() != tt.want {
				t.Errorf("%d %s, want %d %s", resp.Code, resp.Body, tt.status, tt.want)
			}
			if taken := len(s.Messages()) == 1; taken != (tt.status == 200) {
				t.Errorf("taken is %v", taken)
			}
		})
	}
}

func TestRefusesFirst(t *testing.T) {
	s := webhooktest.New(webhooktest.Options{
		Path:   "/services/a",
		Refuse: []webhooktest.Answer{webhooktest.RateLimited(1500 * time.Millisecond)},
	})
	resp := post(s, "/services/a", jsonType, `{"text":"hi"}`)
	if resp.Code != 429 || resp.Header().Get("Retry-After") != "2" {
		t.Errorf("%d, Retry-After %s", resp.Code, resp.Header().Get("Retry-After"))
	}
	if resp := post(s, "/services/b", jsonType, `{"text":"hi"}`); resp.Code != 404 || resp.Body.String() != "no_service" {
		t.Errorf("another path: %d %s", resp.Code, resp.Body)
	}
	if resp := post(s, "/services/a", jsonType, `{"text":"hi"}`); resp.Code != 200 {
		t.Errorf("after that: %d %s", resp.Code, resp.Body)
	}
	if s.Requests() != 3 || len(s.Messages()) != 1 {
		t.Errorf("%d requests, %d messages", s.Requests(), len(s.Messages()))
	}
}

func post(s *webhooktest.Server, path, kind, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, path, io.NopCloser(strings.NewReader(body)))
	req.Header.Set("Content-Type", kind)
	resp := httptest.NewRecorder()
	s.ServeHTTP(resp, req)
	return resp
}
