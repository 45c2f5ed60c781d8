package cmd_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/engine"
	"tocsin/templating/value"
)

// TestCorpusKnown is about the files that cannot work in Keep (spec §11.4): here they do
// what their author meant, or somebody says at load why not.
func TestCorpusKnown(t *testing.T) {
	files, specs := corpusFiles(t)
	tests := []struct {
		name string
		file string
		did  map[string]string // steps that run, and what is in a call of theirs
		said map[string]string // steps that break, and the code of what was said before
	}{
		{
			name: "conditions between braces, and defaults as Jinja writes them",
			file: "openshift_pod_restart.yml",
			did: map[string]string{
				"get-failing-pod-logs": "some pod_name", "restart-specific-pod": "Restarting pod due to CrashLoopBackOff", "scale-deployment": `"replicas":"3"`,
				"rollout-restart-deployment": "rollout_restart",
			},
			said: map[string]string{"report-actions": "TOC081"}, // {% if %}
		},
		{
			name: "the same; filters that select have no counterpart",
			file: "openshift_monitoring_and_remediation.yml",
			did: map[string]string{
				"get-pod-logs": "some pod_name", "scale-deployment-on-high-load": `"replicas":"3"`, "restart-deployment-on-critical-alert": "rollout_restart",
			},
			said: map[string]string{
				"report-cluster-overview": "TOC081", "alert-failing-pods": "TOC081", "restart-failed-pods": "TOC081", "send-notification": "TOC081",
			},
		},
		{
			name: "a provider's description in a message",
			file: "db_disk_space_monitor.yml",
			did:  map[string]string{"trigger-slack": "The disk space of Paper DB Server is about to finish"},
		},
		{
			name: "brackets in paths",
			file: "disk_grown_defects_rule.yml",
			did:  map[string]string{"push-alert-to-postgres": "VALUES ('major', 'Disk defects: 51 | Disk name: some column')"},
		},
		{
			name: "a word in a condition",
			file: "create_service_now_ticket_upon_alerts.yml",
			did:  map[string]string{"create-service-now-ticket": `"table_name":"some ticket_type"`},
		},
		{
			name: "a condition with brackets and functions; but time starts it, and time has no alert",
			file: "simple_http_request_ntfy.yml",
			said: map[string]string{"trigger-ntfy": "TOC106"},
		},
		{
			name: "names that are none: item, env",
			file: "fluxcd_example.yml",
			said: map[string]string{"get-fluxcd-resources": "TOC083", "create-alerts-for-failed-kustomizations": "TOC083"},
		},
		{
			name: "state, which nobody keeps: the step that asks for it does not run",
			file: "notify-new-trello-card.yml",
			did:  map[string]string{"trigger-slack": "A new card was created"},
			said: map[string]string{"trello-cards": "TOC083"},
		},
		{
			name: "steps without steps. in front",
			file: "elastic_enrich_example.yml",
			did:  map[string]string{"query-ack-index": "your_ack_index"},
			said: map[string]string{"escalate-if-needed": "TOC083"},
		},
		{
			name: "a function without keep. and brackets",
			file: "send_smtp_html_email.yml",
			said: map[string]string{"send-html-email": "TOC083"},
		},
		{
			name: "result for results",
			file: "failed-to-login-workflow.yml",
			did:  map[string]string{"get-customer-tier-by-id": "some customer_id"},
			said: map[string]string{"opsgenie-alert": "TOC082", "trigger-slack": "TOC082"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			i := slices.IndexFunc(files, func(f string) bool { return filepath.Base(f) == tt.file })
			if i < 0 {
				t.Skip("it is not in this corpus")
			}
			c := newCorpusRun(t, files[i], specs)
			for step, want := range tt.did {
				if !c.did(step, want) {
					t.Errorf("%s: step %s did not call with %s\n%s", tt.name, step, want, c.report())
				}
			}
			for step, code := range tt.said {
				if !c.said(step, code) {
					t.Errorf("%s: about step %s nobody said %s\n%s", tt.name, step, code, c.report())
				}
			}
			for _, s := range c.result.Steps {
				if _, expected := tt.said[s.Name]; s.Status != engine.Done && s.Status != engine.Skipped && !expected {
					t.Errorf("%s: %v", tt.name, s.Err)
				}
			}
		})
	}
}

// did says whether the step went well, with a call that has the text in it.
func (c *corpusRun) did(step, text string) bool {
	went := slices.ContainsFunc(c.result.Steps, func(s engine.StepResult) bool { return s.Name == step && s.Status == engine.Done })
	return went && slices.ContainsFunc(c.calls, func(e engine.Event) bool {
		return e.Step == step && strings.Contains(string(value.AppendJSON(nil, e.With)), text)
	})
}

// said says whether there was a warning of that code about the step.
func (c *corpusRun) said(step, code string) bool {
	s := readsOf(c.w).named(step)
	from, to := c.span(s.Pos.Line)
	for _, p := range c.problems {
		if p.Code == code && p.Pos.Line >= from && p.Pos.Line < to {
			return true
		}
	}
	return false
}
