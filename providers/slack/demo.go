package slack

import (
	"net/http"

	"tocsin/providers"
	"tocsin/providers/slack/webhooktest"
)

// demo is a Slack of one webhook that prints what it is told.
var demo = &providers.Demo{
	Handler: func(say func(string)) http.Handler {
		return webhooktest.New(webhooktest.Options{
			Path: demoPath,
			Sent: func(m webhooktest.Message) { say(told(m)) },
		})
	},
	Config: map[string]string{"webhook_url": "http://{host}" + demoPath},
}

// demoPath has the form of Slack's and is nobody's.
const demoPath = "/services/T00000000/B00000000/demonstration"

// told is a message in one line.
func told(m webhooktest.Message) string {
	where := ""
	if m.Channel != "" {
		where = m.Channel + ": "
	}
	switch {
	case m.Text != "":
		return where + m.Text
	case len(m.Blocks) > 0:
		return where + "a message of blocks"
	}
	return where + "a message of attachments"
}
