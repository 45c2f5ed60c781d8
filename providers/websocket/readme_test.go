package websocket

import (
	"strings"
	"testing"

	"tocsin/workflows/schema"
)

// The table of errors has every code, with its phase and whether trying again can help.
func TestReadmeHasEveryCode(t *testing.T) {
	for code, fate := range codes() {
		row := ""
		for line := range strings.Lines(readme) {
			if strings.HasPrefix(line, "| `") && strings.Contains(strings.Split(line, "|")[1], "`"+string(code)+"`") && strings.Count(line, "|") == 5 {
				row = line
				break
			}
		}
		cells := strings.Split(row, "|")
		if len(cells) != 6 {
			t.Errorf("%s is not in the table", code)
			continue
		}
		if phase := strings.TrimSpace(cells[2]); phase != fate.phase && fate.phase != "" {
			t.Errorf("%s: phase %s, want %s", code, phase, fate.phase)
		}
		if again := strings.TrimSpace(cells[3]); again == "yes" && !fate.retry || again == "no" && fate.retry {
			t.Errorf("%s: trying again helps: %s, want %v", code, again, fate.retry)
		}
	}
}

// The seeds' tables have every field of spec/websocket.md §2.11, and what they say is here
// is.
func TestReadmeHasEveryFieldOfTheSeeds(t *testing.T) {
	_, rest, _ := strings.Cut(readme, "### Coming from Keep, Benthos or Telegraf")
	tables, _, ok := strings.Cut(rest, "<!-- reference -->")
	if !ok {
		t.Fatal("there are no such tables")
	}
	subscription := schema.Of[Subscription]()
	for field := range strings.FieldsSeq(`
		socket_url timeout data url proxy_url open_message tls.enabled tls.skip_cert_verify tls.enable_renegotiation tls.root_cas
		tls.root_cas_file tls.client_certs tls.client_certs[].cert tls.client_certs[].cert_file tls.client_certs[].password
		oauth.enabled oauth.consumer_key oauth.consumer_secret oauth.access_token oauth.access_token_secret oauth.request_url
		basic_auth.enabled jwt.enabled jwt.claims jwt.headers handshake_bodies handshake_pause trigger_body http_proxy_url
		tls_ca tls_cert tls_key insecure_skip_verify data_format interval open_messages open_message_type auto_replay_nacks
		max_message_size connection.max_retries socks5_enabled socks5_address use_system_proxy use_text_frames read_timeout`) {
		if !strings.Contains(tables, "`"+field+"`") {
			t.Errorf("%s is in no table", field)
		}
		top, _, _ := strings.Cut(field, ".")
		_, listens := subscription.Field(top)
		_, tells := schema.Of[Notice]().Field(top)
		if !listens && !tells {
			t.Errorf("there is no parameter %s", field)
		}
	}
}
