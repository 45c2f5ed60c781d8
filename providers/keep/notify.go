package keep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/schema"
)

// A Change is what an action does: alerts for rows, or changes of workflows.
//
// The rows are what the last step found, if that is a list; else there is one. With
// foreach, the row is the item. Texts in alert, fingerprint and if see the keys of the
// row beside everything else.
type Change struct {
	Alert             providers.Lazy   `param:"alert" doc:"The alert, for each row: name, severity, labels and whatever else it shall have. A choice is written a ? b : c."`
	If                schema.Condition `param:"if" doc:"Condition for a row to have an alert; left out: all have." example:"{{ value.1 }} > 0.9"`
	For               time.Duration    `param:"for" doc:"How long the condition must hold before the alert fires; until then it is pending." example:"5m"`
	FingerprintFields []string         `param:"fingerprint_fields" doc:"Fields that tell one alert from another; left out: all labels, or without labels the name." example:"[labels.host]"`
	Fingerprint       providers.Lazy   `param:"fingerprint" doc:"The fingerprint itself, instead."`
	Source            string           `param:"override_source_with" default:"keep" doc:"Where the alerts shall be from."`
	ReadOnly          bool             `param:"read_only" doc:"Whether alerts of this workflow that no row has any more stay as they are, instead of being resolved."`

	Workflow     string `param:"workflow_to_update_yaml" doc:"A workflow to add, in place of the one of the same name."`
	DeleteOthers bool   `param:"delete_all_other_workflows" doc:"Whether to delete all workflows but this one."`
	FullSync     bool   `param:"workflow_full_sync" doc:"The same, before workflow_to_update_yaml is added."`

	Rest *value.Map `param:"*,warn" doc:"Other names are taken, as Keep does, and say nothing."`
}

func (c *client) notify(ctx context.Context, ch Change) (any, error) {
	switch {
	case ch.Workflow != "" || ch.DeleteOthers || ch.FullSync:
		return nil, c.change(ctx, ch)
	case ch.Alert == nil:
		return nil, errors.New("what shall be done? give alert: {name: ...}, or workflow_to_update_yaml")
	}
	return c.generate(ctx, ch)
}

var errNoLibrary = errors.New("there are no stored workflows to change: a single run reads its files and keeps none")

// change changes the stored workflows.
func (c *client) change(ctx context.Context, ch Change) error {
	if c.library == nil {
		return errNoLibrary
	}
	if ch.DeleteOthers || ch.FullSync {
		if err := c.library.DeleteOthers(ctx, providers.OriginOf(ctx).Workflow); err != nil {
			return err
		}
	}
	if ch.Workflow == "" {
		return nil
	}
	return c.library.Put(ctx, ch.Workflow)
}

// generate makes the alerts of the rows and resolves those that no row has any more.
func (c *client) generate(ctx context.Context, ch Change) (any, error) {
	g := generation{client: c, Change: ch, origin: providers.OriginOf(ctx), now: c.now()}
	rows := g.rows()
	if len(rows) > maxRows {
		return nil, fmt.Errorf("%d rows, more than %d", len(rows), maxRows)
	}
	for i, row := range rows {
		if ctx.Err() != nil {
			return nil, providers.Stopped(ctx)
		}
		if err := g.row(row); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return g.settle(ctx)
}

// maxRows is how many alerts one call may make: as many as a foreach may go over.
const maxRows = 1000
