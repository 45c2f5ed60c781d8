package cmd

import (
	"context"

	"tocsin/engine/store"
)

// keepTexts keeps what workflows are of now, so that their runs can be run again.
func (f *fleet) keepTexts(ctx context.Context) {
	var texts []store.Text
	seen := map[string]bool{}
	for _, item := range f.catalog.Items() {
		f.mu.Lock()
		d := f.docs[item.Program]
		f.mu.Unlock()
		if d == nil || seen[item.Version] {
			continue
		}
		seen[item.Version] = true
		texts = append(texts, store.Text{Version: item.Version, Origin: item.Origin, File: item.File, Text: d.file.Text})
	}
	if err := f.store.KeepTexts(ctx, texts); err != nil {
		f.log.Warn("the texts of workflows are not kept: their runs cannot be run again", "error", err)
	}
}

// signaled reloads because somebody sent SIGHUP, and writes that down.
func (f *fleet) signaled(ctx context.Context) {
	outcome := "done"
	if err := f.reload(ctx); err != nil {
		f.log.Error("reload", "error", err)
		outcome = err.Error()
	}
	err := f.store.AddAudit(ctx, store.AuditEntry{Who: "local", Source: "signal", Action: "SIGHUP", Detail: "reload", Outcome: outcome})
	if err != nil {
		f.log.Error("a reload is not written down", "error", err)
	}
}
