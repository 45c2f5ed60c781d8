package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tocsin/templating/value"
)

// toWebhook posts p. The webhook cannot change what was posted: when it is all there
// is, a message to be changed is posted anew, since to tell twice is better than not
// to tell.
func (c *client) toWebhook(ctx context.Context, p post, changes string) (Sent, error) {
	if changes != "" {
		c.log.Warn("a webhook cannot change messages: posted a new one", "slack_timestamp", changes)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.webhook, strings.NewReader(p.json()))
	if err != nil {
		return Sent{}, errors.New("webhook_url is no address") // err would quote it
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	x := c.exchange()
	if _, err = x.Do(req); err == nil {
		err = x.webhookError()
	}
	if err := x.judge(ctx, err); err != nil {
		return Sent{}, err
	}
	return Sent{Timestamp: c.seconds(), OK: true}, nil
}

// webhookError is an error unless the message was taken: then, and only then, a
// webhook says "ok". A status of 200 proves nothing, since any page behind a wrong
// address has it.
func (x *exchange) webhookError() error {
	if x.status == http.StatusOK && strings.TrimSpace(string(x.body)) == "ok" {
		return nil
	}
	return errors.New("not ok")
}

// json is p as the body of a webhook's request.
func (p post) json() string {
	m := value.NewMap(6)
	for _, field := range []struct{ key, text string }{
		{"text", p.text}, {"channel", p.channel}, {"username", p.username}, {"thread_ts", p.thread},
	} {
		if field.text != "" {
			m.Set(field.key, field.text)
		}
	}
	if len(p.blocks) > 0 {
		m.Set("blocks", p.blocks)
	}
	if len(p.attachments) > 0 {
		m.Set("attachments", p.attachments)
	}
	return string(value.AppendJSON(nil, m))
}

// seconds is what stands for the timestamp that a webhook does not tell.
func (c *client) seconds() string {
	t := c.now()
	return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
}
