package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	api "github.com/slack-go/slack"

	"tocsin/templating/value"
)

var errNoChannel = errors.New("channel is needed with an access token: the id of the channel, such as C0123456789")

// post posts p: https://docs.slack.dev/reference/methods/chat.postMessage
func (c *client) post(ctx context.Context, p post) (Sent, error) {
	return c.send(ctx, "chat.postMessage", p, "")
}

// change puts p in the place of the message of that timestamp:
// https://docs.slack.dev/reference/methods/chat.update
func (c *client) change(ctx context.Context, p post, ts string) (Sent, error) {
	return c.send(ctx, "chat.update", p, timestamp(ts))
}

func (c *client) send(ctx context.Context, method string, p post, ts string) (Sent, error) {
	if p.channel == "" {
		return Sent{}, errNoChannel
	}
	x := c.exchange()
	channel, sent, _, err := c.web(x).SendMessageContext(ctx, p.channel,
		// The library's own options take its own types and lose what those do not know.
		api.UnsafeMsgOptionEndpoint(c.api+method, func(form url.Values) { p.fill(form, ts) }))
	if err := x.judge(ctx, x.webError(err)); err != nil {
		return Sent{}, err
	}
	return Sent{Timestamp: sent, Channel: channel, OK: true}, nil
}

// fill adds p to the form of a chat method. Lists are JSON texts in it.
func (p post) fill(form url.Values, ts string) {
	for key, text := range map[string]string{
		"text": p.text, "username": p.username, "ts": ts, "thread_ts": p.thread,
		"blocks": jsonList(p.blocks), "attachments": jsonList(p.attachments),
	} {
		if text != "" {
			form.Set(key, text)
		}
	}
}

func jsonList(list []any) string {
	if len(list) == 0 {
		return ""
	}
	return string(value.AppendJSON(nil, list))
}

var (
	errNoToken  = errors.New("a reaction needs access_token, with the scope reactions:write: a webhook can only post")
	errNoEmoji  = errors.New("message must name the emoji to react with, such as white_check_mark")
	errNoTarget = errors.New("thread_timestamp must name the message to react to: the slack_timestamp of its result")
)

// react adds an emoji to a message. That it is there already is no error: it is what
// was wanted, and what a repeated delivery finds.
// https://docs.slack.dev/reference/methods/reactions.add
func (c *client) react(ctx context.Context, m Message) (Sent, error) {
	emoji, target := strings.Trim(strings.TrimSpace(m.Text), ":"), timestamp(m.Thread)
	channel := strings.TrimSpace(m.Channel)
	switch {
	case c.token == "":
		return Sent{}, errNoToken
	case emoji == "":
		return Sent{}, errNoEmoji
	case target == "":
		return Sent{}, errNoTarget
	case channel == "":
		return Sent{}, errNoChannel
	}
	x := c.exchange()
	err := c.web(x).AddReactionContext(ctx, emoji, api.NewRefToMessage(channel, target))
	if refused, ok := errors.AsType[api.SlackErrorResponse](err); ok && refused.Err == "already_reacted" {
		return Sent{Timestamp: target, Channel: channel, OK: true}, nil
	}
	if err := x.judge(ctx, x.webError(err)); err != nil {
		return Sent{}, err
	}
	return Sent{Timestamp: target, Channel: channel, OK: true}, nil
}

// webError is err, or what slack-go does not see: it takes an answer that says
// "ok": false and no more, or that is some other JSON, for a success.
func (x *exchange) webError(err error) error {
	var answer api.SlackResponse
	if err == nil && (json.Unmarshal(x.body, &answer) != nil || !answer.Ok) {
		return errors.New("not ok")
	}
	return err
}

// web is slack-go's client for one call, whose answer x sees first.
func (c *client) web(x *exchange) *api.Client {
	return api.New(c.token, api.OptionHTTPClient(x), api.OptionAPIURL(c.api),
		api.OptionOnWarning(func(method string, _ any, w *api.Warning) {
			c.log.Warn("slack warns", "method", method, "codes", strings.Join(w.Codes, ","))
		}))
}
