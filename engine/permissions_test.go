package engine

import (
	"testing"

	"tocsin/workflows"
)

func TestAllowed(t *testing.T) {
	tests := []struct {
		name        string
		listed      []string
		email, role string
		keep, want  bool
	}{
		{name: "nobody is listed", email: "a@x", want: true},
		{name: "an admin", listed: []string{"ops"}, role: "admin", want: true},
		{name: "a role", listed: []string{"ops", " NOC "}, role: "noc", want: true},
		{name: "an address in capitals", listed: []string{"a@x"}, email: "A@x", want: true},
		{name: "an address in capitals, with Keep", listed: []string{"a@x"}, email: "A@x", keep: true},
		{name: "another", listed: []string{"a@x"}, email: "b@x", role: "noc"},
		{name: "nobody in particular", listed: []string{" "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &workflows.Workflow{Permissions: tt.listed}
			if tt.keep {
				w.Compat = "keep"
			}
			if got := Allowed(w, tt.email, tt.role); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
