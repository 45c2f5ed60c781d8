package delivery

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/engine"
	"tocsin/engine/store"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "key")
	k, err := OpenKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	sealed := k.seal([]byte("hello"), "slack ops")
	again, err := OpenKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := again.open(sealed, "slack ops"); err != nil || string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := again.open(sealed, "slack others"); err != errSealed {
		t.Errorf("in another place: %v", err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := again.open(sealed, "slack ops"); err != errSealed {
		t.Errorf("changed: %v", err)
	}
	if _, err := again.open([]byte("x"), "slack ops"); err != errSealed {
		t.Errorf("cut: %v", err)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"others may read it": {strings.Repeat("ab", 32), 0o644, "can be read by others"},
		"it is too short":    {"abcd", 0o600, "has no key of 32 bytes"},
		"it is empty":        {"", 0o600, "has no key of 32 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(tt.text), tt.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenKey(path); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
			if text, _ := os.ReadFile(path); string(text) != tt.text {
				t.Error("it was replaced")
			}
		})
	}
}

// What a message says, and what its step is configured with, is in no file as it is.
func TestSecretsAreSealed(t *testing.T) {
	l := newLedger(t)
	l.answers(always(503))
	dir := t.TempDir()
	b := benchAt(t, dir, nil)
	m := message("canary-in-the-message", "")
	m.Key = "k1"
	m.Inline = source.Of(value.Of(map[string]any{"authentication": map[string]any{"url": l.URL, "api_key": "canary-in-the-configuration"}}))
	if r, err := b.Deliver(t.Context(), m, func(ctx context.Context) (any, error) {
		client, err := b.pool.ClientWith(ctx, "webhook", m.Inline)
		if err != nil {
			return nil, err
		}
		return client.Notify(ctx, m.With)
	}); err != nil || r.State != "pending" {
		t.Fatalf("%+v, %v", r, err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil || bytes.Contains(text, []byte("canary")) {
			t.Errorf("%s has it, or %v", f, err)
		}
	}
	if d := b.row("k1"); d.Destination != "webhook "+strings.TrimPrefix(l.URL, "http://") {
		t.Errorf("told %s", d.Destination)
	}
	// The next process has what it takes to send it.
	if err := b.Store.Close(); err != nil {
		t.Fatal(err)
	}
	l.answers(nil)
	b = benchAt(t, dir, nil)
	defer b.running()()
	b.settled()
	if got := l.texts(); len(got) != 1 || got[0] != "canary-in-the-message" {
		t.Errorf("arrived: %v", got)
	}
}

// With another key nothing can be read: it is dead, and somebody is told.
func TestTheKeyIsLost(t *testing.T) {
	l := newLedger(t)
	b := newBench(t, map[string]*ledger{"ops": l})
	b.queue("ops", "k1")
	b.Key, _ = NewKey(make([]byte, 32))
	stop := b.running()
	b.settled()
	stop()
	if d := b.row("k1"); d.State != store.Dead || d.Reason != errSealed.Error() || len(b.meta) != 1 || l.requests() != 0 {
		t.Errorf("%s: %s; %v", d.State, d.Reason, b.meta)
	}
}

func TestDestinations(t *testing.T) {
	with := func(v any) source.Value { return source.Of(value.Of(v)) }
	for want, m := range map[string]engine.Message{
		"slack ops":           {Provider: "slack", Config: "ops", With: with(map[string]any{"url": "https://a.example/x"})},
		"http a.example:8080": {Provider: "http", With: with(map[string]any{"url": "https://a.example:8080/secret"})},
		"console":             {Provider: "console", With: with(map[string]any{"message": "hi"})},
		"webhook b.example":   {Provider: "webhook", Inline: with(map[string]any{"authentication": map[string]any{"url": "https://b.example/secret"}})},
	} {
		if got := destinationOf(m); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := destinationOf(engine.Message{Provider: "slack", Inline: with(map[string]any{"token": "x"})}); !strings.HasPrefix(got, "slack #") || len(got) != len("slack #")+8 {
		t.Error(got)
	}
}
