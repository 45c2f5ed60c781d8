package slack

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	api "github.com/slack-go/slack"

	"tocsin/providers"
	"tocsin/providers/dial"
)

// judge turns what went wrong with the call into an error that quotes Slack and says
// whether trying again can help. No error stays none.
func (x *exchange) judge(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case x.status == 0:
		return x.unanswered(ctx, err)
	}
	status := x.status
	if status == http.StatusOK {
		status = 0 // "200 OK: channel_not_found" would puzzle
	}
	return &providers.Error{
		Status:    status,
		Temporary: x.passes(err),
		After:     x.after(err),
		Err:       errors.New(x.words(err)),
	}
}

// unanswered is the error of a request without an answer. It may pass, unless the
// caller gave up, or the address is one that nobody may talk to, or somebody else
// answers there.
func (x *exchange) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", x.host, providers.Stopped(ctx))
	}
	err = fmt.Errorf("%s: %w", x.host, err)
	_, blocked := errors.AsType[*dial.Blocked](err)
	_, stranger := errors.AsType[*tls.CertificateVerificationError](err)
	if blocked || stranger {
		return err
	}
	return providers.Temporary(err, 0)
}

// passes says that the same request may be taken later.
func (x *exchange) passes(err error) bool {
	if refused, ok := errors.AsType[api.SlackErrorResponse](err); ok {
		switch refused.Err {
		case "ratelimited", "rate_limited", "internal_error", "fatal_error",
			"service_unavailable", "request_timeout", "team_added_to_org":
			return true
		}
	}
	return x.status == http.StatusTooManyRequests || x.status >= 500
}

// after is how long Slack wants to be left alone.
func (x *exchange) after(err error) time.Duration {
	if limited, ok := errors.AsType[*api.RateLimitedError](err); ok {
		return limited.RetryAfter
	}
	seconds, _ := strconv.Atoi(x.header.Get("Retry-After"))
	return time.Duration(max(seconds, 0)) * time.Second
}

// words are Slack's, and after them what to do about it.
func (x *exchange) words(err error) string {
	word, detail := x.said(err)
	for _, h := range hints {
		if h.word == word {
			detail = append(detail, h.hint)
		}
	}
	if len(detail) == 0 {
		return word
	}
	return word + " (" + strings.Join(detail, "; ") + ")"
}

// said is Slack's word for what is wrong, and what it says beside it.
func (x *exchange) said(err error) (word string, detail []string) {
	refused, ok := errors.AsType[api.SlackErrorResponse](err)
	if !ok {
		var answer api.SlackResponse
		_ = json.Unmarshal(x.body, &answer)
		if refused, ok = errors.AsType[api.SlackErrorResponse](answer.Err()); !ok {
			return quote(string(x.body)), nil
		}
	}
	detail = refused.ResponseMetadata.Messages
	if refused.Needed != "" {
		detail = append(detail, "needs the scope "+refused.Needed+", has "+refused.Provided)
	}
	return refused.Err, detail
}

// quote is the beginning of an answer that is no answer of Slack's, on one line and
// without what a terminal would obey.
func quote(text string) string {
	const most = 200
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return "an empty answer"
	}
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// hints say what to do about Slack's words, which are short. It is a list, as a map
// would be filled at start.
var hints = []struct{ word, hint string }{
	{"account_inactive", "the app was removed or its user deactivated: install it again"},
	{"action_prohibited", "an administrator does not let this webhook post here"},
	{"channel_is_archived", "bring the channel back, or make a webhook for another"},
	{"channel_not_found", "is it the id of the channel, and is the app in it?"},
	{"invalid_auth", "access_token is wrong: copy it again from OAuth & Permissions of the app"},
	{"invalid_blocks", "try them at https://app.slack.com/block-kit-builder"},
	{"invalid_token", "webhook_url is wrong or was revoked: copy it again"},
	{"message_not_found", "is it the slack_timestamp of a message in that channel?"},
	{"no_service", "the webhook was removed or switched off: make a new one"},
	{"no_team", "webhook_url is wrong, or its workspace is gone"},
	{"not_authed", "access_token is empty"},
	{"not_in_channel", "invite the app: write /invite and its name in the channel"},
	{"token_revoked", "the token was taken back: install the app again and copy the new one"},
}
