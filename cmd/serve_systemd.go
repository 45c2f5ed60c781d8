package cmd

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// supervised tells systemd how it goes, where that started the program (Type=notify):
// that it stops, and, with WatchdogSec, that it is well, twice in that time. A program
// that is not well is silent, and is started anew. That it is ready it is told when the
// server listens.
func (f *fleet) supervised(ctx context.Context) error {
	defer f.notify(daemon.SdNotifyStopping)
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil || period == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(period / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if f.alive() {
				f.notify(daemon.SdNotifyWatchdog)
			}
		}
	}
}

func (f *fleet) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		f.log.Warn("systemd cannot be told", "state", state, "error", err)
	}
}

// alive says that what everything depends on works: what a new process may mend. That
// somebody cannot be told is nothing that it would.
func (f *fleet) alive() bool {
	return f.store.Health() == nil && f.lane.Stalled() == nil && len(f.scheduler.Summary().Unwell()) == 0
}
