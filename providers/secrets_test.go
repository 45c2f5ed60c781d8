package providers_test

import (
	"testing"

	"tocsin/providers"
)

func TestShownAddress(t *testing.T) {
	for _, tt := range []struct{ text, shown, password string }{
		{"", "", ""},
		{"no address, user:pw@host", "no address, user:pw@host", ""},
		{"see http://u:pw@host", "see http://u:pw@host", ""},
		{"ws://host:80/x@y?page=1", "ws://host:80/x@y?page=1", ""},
		{"ws://user@host", "ws://user@host", ""},
		{"ws://user:@host", "ws://user:@host", ""},
		{"ws://user:p%40w@host:80", "ws://user:***@host:80", "p@w"},
		{"ws://user:p%zz@host", "ws://user:***@host", "p%zz"},
		{"ws://u:a@b:c@host/x", "ws://u:***@host/x", "a@b:c"},
		{"postgres://u:pw@host/db?sslmode=off", "postgres://u:***@host/db?sslmode=off", "pw"},
		{"https://host?Access_Token=abc&x=1#token=2", "https://host?Access_Token=***&x=1#token=2", ""},
		{"https://host/?api%2Dkey=abc&key=&flag", "https://host/?api%2Dkey=***&key=&flag", ""},
	} {
		if shown, password := providers.ShownAddress(tt.text); shown != tt.shown || password != tt.password {
			t.Errorf("%q is shown as %q, and hides %q; want %q, %q", tt.text, shown, password, tt.shown, tt.password)
		}
	}
}
