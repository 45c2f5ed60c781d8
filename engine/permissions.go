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
	for _, listed := range w.Permissions {
		listed = strings.ToLower(strings.TrimSpace(listed))
		if w.Compat == "keep" {
			if listed == email || listed == role {
				return true
			}
		} else if listed == strings.ToLower(email) || listed == strings.ToLower(role) {
			return true
		}
	}
	return false
}
