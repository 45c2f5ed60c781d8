// Package slack tells Slack: it posts messages, replies in threads, changes what was
// posted and adds reactions, through an incoming webhook or the Web API.
//
// A webhook is one secret address and can only post; a bot token can do the rest. The
// webhook is spoken to here, the Web API through slack-go. Blocks and attachments are
// passed on as the author wrote them, never through a library's types, which know
// only the keys of their day. Start reading at client.Notify.
package slack

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
)

// Config is how to reach one Slack workspace. One of webhook_url and access_token is
// enough.
type Config struct {
	WebhookURL  providers.Secret `param:"webhook_url" doc:"Address of an incoming webhook; messages go there even if there is a token too."`
	AccessToken providers.Secret `param:"access_token" doc:"Token of a bot (xoxb-...) with the scope chat:write, and reactions:write for reactions."`
	APIURL      string           `param:"api_url" default:"https://slack.com/api/" doc:"Where the Web API is; GovSlack has https://slack-gov.com/api/."`
}

// Message is something to post, to change or to react with.
type Message struct {
	Text        string     `param:"message" doc:"Text, with Slack's mrkdwn; for a reaction, the name of the emoji."`
	Blocks      any        `param:"blocks" doc:"Block Kit blocks: a list, or its JSON text."`
	Channel     string     `param:"channel" doc:"Id of the channel; needed with a token, while a webhook has its own."`
	Timestamp   string     `param:"slack_timestamp" doc:"Changes the message of this timestamp instead of posting one; needs a token."`
	Thread      string     `param:"thread_timestamp" doc:"Replies in the thread of this message; for a reaction, the message to react to."`
	Attachments any        `param:"attachments" doc:"Attachments, the older form of blocks: a list, or its JSON text."`
	Username    string     `param:"username" doc:"Name to post under; needs the scope chat:write.customize."`
	Kind        string     `param:"notification_type" enum:"message,reaction" default:"message" doc:"Whether to post a message or to add a reaction."`
	Rest        *value.Map `param:"*,warn" doc:"Other names are taken, as Keep does, and not sent."`
}

// Sent is what became of it.
type Sent struct {
	Timestamp string `param:"slack_timestamp" doc:"Names the message, for changing it, replying and reacting; sent by webhook, it is only the time in seconds."`
	Channel   string `param:"channel" doc:"Id of the channel; empty if a webhook was used."`
	OK        bool   `param:"ok" doc:"True: what Slack refuses is an error."`
}

//go:embed README.md
var readme string

// Provider tells Slack.
var Provider = providers.Define(providers.Definition[*client]{
	Type:       "slack",
	Title:      "Slack",
	Summary:    "Post messages to Slack, reply in threads, change what was posted, add reactions.",
	Categories: []providers.Category{"Collaboration"},
	Readme:     readme,
	Demo:       demo,
	Message:    "message",
	Retell:     retell,
	Open:       providers.Open(open),
	Notify:     providers.Call((*client).Notify),
	Check:      (*client).Check,
})

// A client is a workspace: a webhook, a token or both.
type client struct {
	webhook string
	token   string
	api     string // with a slash at the end
	http    *http.Client
	log     *slog.Logger
	now     func() time.Time
}

var errNoWay = errors.New("neither webhook_url nor access_token is given: " +
	"create an app at https://api.slack.com/apps and either switch on Incoming Webhooks " +
	"or install it with the scope chat:write")

// open checks what can be checked without Slack. It sends nothing.
func open(_ context.Context, c Config, env providers.Env) (*client, error) {
	s := &client{
		webhook: strings.TrimSpace(string(c.WebhookURL)),
		token:   strings.TrimSpace(string(c.AccessToken)),
		api:     strings.TrimRight(strings.TrimSpace(c.APIURL), "/") + "/",
		http:    unfollowing(env.HTTP),
		log:     env.Log,
		now:     env.Now,
	}
	switch {
	case s.webhook == "" && s.token == "":
		return nil, errNoWay
	case s.webhook != "" && !isHTTP(s.webhook):
		return nil, errors.New("webhook_url is no http(s) address; Slack's begin with https://hooks.slack.com/services/")
	case strings.ContainsAny(s.token, " \t\r\n"):
		return nil, errors.New("access_token has white space in it: copy it again")
	case !isHTTP(s.api):
		return nil, errors.New("api_url is no http(s) address")
	}
	return s, nil
}

func isHTTP(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// unfollowing is c without redirects: Slack has none, and one that led elsewhere
// would take the token and the message along.
func unfollowing(c *http.Client) *http.Client {
	fixed := *c
	fixed.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &fixed
}

// Notify posts, changes or reacts.
func (c *client) Notify(ctx context.Context, m Message) (Sent, error) {
	if m.Kind == "reaction" {
		return c.react(ctx, m)
	}
	p, err := newPost(m)
	if err != nil {
		return Sent{}, err
	}
	switch {
	case m.Timestamp != "" && c.token != "":
		return c.change(ctx, p, m.Timestamp)
	case c.webhook != "":
		return c.toWebhook(ctx, p, m.Timestamp)
	}
	return c.post(ctx, p)
}

// Check asks Slack whether it knows the token. Nothing can be asked of a webhook
// that would not post.
func (c *client) Check(ctx context.Context) error {
	if c.token == "" {
		return nil
	}
	x := c.exchange()
	_, err := c.web(x).AuthTestContext(ctx)
	return x.judge(ctx, x.webError(err))
}
