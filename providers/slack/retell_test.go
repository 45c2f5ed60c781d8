package slack_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"tocsin/providers"
	"tocsin/providers/slack"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// What becomes of an alert goes into the thread of its first message, at a real Slack
// server of slack-go's.
func TestRetellInTheThread(t *testing.T) {
	var replied map[string]string
	c := workspace(t, map[string]http.HandlerFunc{
		"/chat.postMessage": func(w http.ResponseWriter, r *http.Request) {
			replied = map[string]string{"channel": r.FormValue("channel"), "thread": r.FormValue("thread_ts"), "text": r.FormValue("text"), "blocks": r.FormValue("blocks")}
			_, _ = w.Write([]byte(`{"ok":true,"channel":"C1","ts":"1767323045.000200"}`))
		},
	})
	blocks := []any{map[string]any{"type": "divider"}}
	first, err := c.Notify(t.Context(), with("channel", "#ops", "message", "db-1 is full", "blocks", blocks))
	if err != nil {
		t.Fatal(err)
	}
	if replied["thread"] != "" || replied["blocks"] == "" {
		t.Fatalf("the first message is %v", replied)
	}
	over := with("channel", "#ops", "message", "Resolved after 12m: db-1 is full", "blocks", blocks)
	over.Data = slack.Provider.Notify.Retell(over.Data.(source.Map), providers.Episode{Kind: "resolved", Lasted: 12 * time.Minute, First: first})
	if _, err := c.Notify(t.Context(), over); err != nil {
		t.Fatal(err)
	}
	if replied["channel"] != "C1" || replied["thread"] != "1767323045.000200" || replied["blocks"] != "" || replied["text"] != "Resolved after 12m: db-1 is full" {
		t.Errorf("replied %v", replied)
	}
}

func TestRetell(t *testing.T) {
	byToken := value.MapOf(value.Entry{Key: "slack_timestamp", Value: "1.000200"}, value.Entry{Key: "channel", Value: "C1"})
	byWebhook := value.MapOf(value.Entry{Key: "slack_timestamp", Value: "1767323045"}, value.Entry{Key: "channel", Value: ""})
	tests := []struct {
		name  string
		kind  string
		first any
		with  []any
		want  string
	}{
		{"a reminder keeps its blocks", "reminder", byToken, []any{"message", "m", "blocks", "b"}, `{"message":"m","blocks":"b","channel":"C1","thread_timestamp":"1.000200"}`},
		{"by webhook there is no thread", "resolved", byWebhook, []any{"message", "m", "blocks", "b", "channel", "#a"}, `{"message":"m","channel":"#a"}`},
		{"nothing is known of the first", "resolved", nil, []any{"message", "m"}, `{"message":"m"}`},
		{"the author replies elsewhere", "resolved", byToken, []any{"message", "m", "thread_timestamp", "9.1"}, `{"message":"m","thread_timestamp":"9.1"}`},
		{"the author changes the first", "resolved", byToken, []any{"message", "m", "slack_timestamp", "1.0002"}, `{"message":"m","slack_timestamp":"1.0002"}`},
		{"a reaction cannot say that it is over", "resolved", byWebhook, []any{"message", "m", "notification_type", "reaction", "thread_timestamp", "9.1"}, `{"message":"m","thread_timestamp":"9.1"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			given := with(tt.with...)
			before, _ := json.Marshal(given.Plain())
			got := slack.Provider.Notify.Retell(given.Data.(source.Map), providers.Episode{Kind: tt.kind, First: tt.first})
			text, err := json.Marshal(source.Value{Data: got}.Plain())
			if err != nil || string(text) != tt.want {
				t.Errorf("%s, %v; want %s", text, err, tt.want)
			}
			if after, _ := json.Marshal(given.Plain()); string(after) != string(before) {
				t.Errorf("it changed what it was given to %s", after)
			}
		})
	}
}
