// Package webhooktest answers like Slack's incoming webhooks, for tests and
// demonstrations without an account: the same words and statuses for what Slack
// refuses, "ok" for the rest, which it remembers. It listens nowhere: hand a Server
// to net/http or httptest.
//
// What is refused and how is Slack's own list:
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
package webhooktest

import (
	"encoding/json"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Options are what a Server is to be like. The zero Options accept a webhook at any
// path and refuse nothing that Slack would take.
type Options struct {
	// Path is the only webhook there is, such as "/services/T0/B0/x"; "" is any.
	Path string
	// Refuse are the first answers, whatever is sent: an archived channel, a limit.
	Refuse []Answer
	// Sent is called for each message taken, before the answer; nil is nobody.
	Sent func(Message)
}

// An Answer is what the server says instead of "ok".
type Answer struct {
	Status     int           // 404
	Body       string        // "no_service"
	RetryAfter time.Duration // Retry-After header, in whole seconds; 0 is none
}

// The answers that do not depend on what was sent.
var (
	NoService         = Answer{Status: http.StatusNotFound, Body: "no_service"}
	ChannelNotFound   = Answer{Status: http.StatusNotFound, Body: "channel_not_found"}
	ChannelIsArchived = Answer{Status: http.StatusGone, Body: "channel_is_archived"}
	ActionProhibited  = Answer{Status: http.StatusForbidden, Body: "action_prohibited"}
	InvalidToken      = Answer{Status: http.StatusForbidden, Body: "invalid_token"}
	RollupError       = Answer{Status: http.StatusInternalServerError, Body: "rollup_error"}
)

// RateLimited is the answer to too many messages.
func RateLimited(after time.Duration) Answer {
	return Answer{Status: http.StatusTooManyRequests, Body: "rate_limited", RetryAfter: after}
}

// A Message is one that was taken.
type Message struct {
	Text        string            `json:"text"`
	Channel     string            `json:"channel"`
	Username    string            `json:"username"`
	Thread      string            `json:"thread_ts"`
	Blocks      []json.RawMessage `json:"blocks"`
	Attachments []json.RawMessage `json:"attachments"`

	// Raw is the JSON text as it came.
	Raw string `json:"-"`
}

// A Server is a webhook. It is safe for concurrent use.
type Server struct {
	options Options

	mu       sync.Mutex
	refuse   []Answer
	requests int
	messages []Message
}

// New makes a server.
func New(o Options) *Server {
	return &Server{options: o, refuse: append([]Answer(nil), o.Refuse...)}
}

// Messages are those taken so far, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Requests is how many requests came, refused ones included.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Refuse adds answers for the requests to come.
func (s *Server) Refuse(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = append(s.refuse, answers...)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, refused := s.take(r)
	if refused.Status != 0 {
		refused.write(w)
		return
	}
	if s.options.Sent != nil {
		s.options.Sent(m)
	}
	Answer{Status: http.StatusOK, Body: "ok"}.write(w)
}

// take reads the message and remembers it, or says how it is refused.
func (s *Server) take(r *http.Request) (Message, Answer) {
	if a := s.next(); a.Status != 0 {
		return Message{}, a
	}
	if r.Method != http.MethodPost {
		return Message{}, Answer{Status: http.StatusMethodNotAllowed, Body: "method_not_allowed"}
	}
	if s.options.Path != "" && r.URL.Path != s.options.Path {
		return Message{}, NoService
	}
	m, word := read(r)
	if word != "" {
		return Message{}, Answer{Status: http.StatusBadRequest, Body: word}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	return m, Answer{}
}

// next counts the request and takes the answer that was laid out for it.
func (s *Server) next() Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if len(s.refuse) == 0 {
		return Answer{}
	}
	a := s.refuse[0]
	s.refuse = s.refuse[1:]
	return a
}

func (a Answer) write(w http.ResponseWriter) {
	if a.RetryAfter > 0 {
		seconds := int(math.Ceil(a.RetryAfter.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}

// maxBody is the most that is read of a request.
const maxBody = 1 << 20

// read returns the message of a request, or Slack's word for what is wrong with it.
func read(r *http.Request) (m Message, word string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return m, "invalid_payload"
	}
	text, ok := payload(r.Header.Get("Content-Type"), string(body))
	if !ok || json.Unmarshal([]byte(text), &m) != nil {
		return m, "invalid_payload"
	}
	m.Raw = text
	return m, m.wrong()
}

// payload finds the JSON text: the body, or the field "payload" of a form.
func payload(contentType, body string) (string, bool) {
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind != "application/x-www-form-urlencoded" {
		return body, true
	}
	form, err := url.ParseQuery(body)
	return form.Get("payload"), err == nil && form.Has("payload")
}
