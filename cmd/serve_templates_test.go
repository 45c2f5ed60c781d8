package cmd_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Workflows to begin with are those of the folder that the environment names, or those that
// ship.
func TestServeTemplates(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "mine.yaml"), []byte("workflow: {id: mine, name: Mine}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, folder, want string }{
		{"of the folder", folder, `"name":"mine"`},
		{"that ship", "", `"workflow_raw_id"`},
		{"of a folder that is not there", filepath.Join(folder, "none"), `"workflow_raw_id"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			s.environ = []string{"KEEP_WORKFLOWS_PATH=" + tt.folder}
			s.start()
			resp, err := http.Get(s.url() + "/workflows/random-templates")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil || !strings.Contains(string(text), tt.want) {
				t.Errorf("%v: %s", err, text)
			}
		})
	}
}
