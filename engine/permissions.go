package engine

import (
	"strings"

	"tocsin/workflows"
)

// Allowed says whether somebody with that e-mail address and role may run w (spec
// §10.4): everybody where w lists no permissions, an admin always, else who is listed
// by address or role. Upper and lower case count as the same, except with compat:
// keep, which compares what it lists in lower case.
func Allowed(w *workflows.Workflow, email, role string) bool {
	if len(w.Permissions) == 0 || role == "admin" {
		return true
	}
	if w.Compat != "keep" {
		email, role = strings.ToLower(email), strings.ToLower(role)
	}
	for _, listed := range w.Permissions {
		listed = strings.ToLower(strings.TrimSpace(listed))
		if listed != "" && (listed == email || listed == role) {
			return true
		}
	}
	return false
}
