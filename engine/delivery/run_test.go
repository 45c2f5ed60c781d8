package delivery

import (
	"strings"
	"testing"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/providers/webhook"
	"tocsin/workflows"
)

const diskWorkflow = `
workflow:
  id: disk
  severity: warning
  notify: {}
  triggers: [{type: manual}]
  actions:
    - name: tell
      if: "1 == 1"
      provider:
        type: webhook
        config: "{{ providers.ops }}"
        with: {message: "disk is full"}
`

// A whole run: the channel is down, the run is done and says so, the message arrives
// later, and the memory of alerts knows that it did.
func TestARunWhoseChannelIsDown(t *testing.T) {
	l := newLedger(t)
	l.answers(always(503))
	b := newBench(t, map[string]*ledger{"ops": l})
	var book episode.Book
	b.Remember(&book)
	file, err := workflows.Parse("disk.yaml", []byte(diskWorkflow))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := engine.Compile(file.Workflows[0], engine.Library{
		Providers: providers.NewRegistry(webhook.Provider), Functions: engine.Functions(), Configured: b.pool.Defined,
	})
	if err != nil {
		t.Fatal(err)
	}
	runner := engine.Runner{Pool: b.pool, Deliver: b.Lane, Memory: &book}
	r := runner.Run(t.Context(), p, engine.Input{Run: "r1", Trigger: "manual"})
	if s := r.Steps[0]; r.Status != engine.Done || !strings.HasPrefix(s.Reason, "queued: will be tried again at ") || !strings.Contains(s.Reason, "503") {
		t.Fatalf("%s: %s: %v", r.Status, s.Reason, r.Err)
	}
	// The next run wants to tell the same: it is the same message.
	if r := runner.Run(t.Context(), p, engine.Input{Run: "r2", Trigger: "manual"}); r.Status != engine.Done {
		t.Fatalf("%s: %v", r.Status, r.Err)
	}
	list, _ := b.all()
	if len(list) != 1 || list[0].Severity != "warning" || list[0].Kind != "fire" || list[0].Destination != "webhook ops" || list[0].Expires.Sub(list[0].Created).Hours() > 6 {
		t.Fatalf("%+v", list)
	}
	l.answers(nil)
	stop := b.running()
	b.settled()
	stop() // what has arrived was told to the memory then
	if got := l.texts(); len(got) != 1 || got[0] != "disk is full" || l.keys[0] != list[0].Key {
		t.Errorf("arrived: %q with %q", got, l.keys)
	}
	if d := b.row(list[0].Key); d.State != store.Confirmed {
		t.Errorf("%+v", d)
	}
	if heard := book.Alerts()[0].State.Heard[episode.Main]; heard.Text != "disk is full" {
		t.Errorf("heard: %+v", heard)
	}
}
