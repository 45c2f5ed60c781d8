package server

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The calls that Keep's documentation and its users' scripts make, by the real curl, with
// a key. A line is what curl is told, the status, and what the answer has in it; $URL and
// $KEY stand for the server and a key, $RUN for the last run, $UP for a file.
const curlCalls = `
-X POST $URL/alerts/event -H "X-API-KEY: $KEY" -H "Content-Type: application/json" -d {"name":"disk","fingerprint":"d1","status":"firing","lastReceived":"2026-01-02T12:00:00.000Z","environment":"production","source":["prometheus"],"message":"it is full","severity":"critical"} | 202 | "task_name":
-X POST $URL/alerts/event?fingerprint=d2 -H "X-API-KEY: $KEY" -d {"name":"curl's own content type"} | 202 | "task_name":
-X POST $URL/alerts/event/prometheus?api_key=$KEY -H "Content-Type: application/json" -d {"alerts":[{"status":"firing","labels":{"alertname":"Up"}}]} | 202 | "task_name":
-X POST $URL/alerts/event/grafana -u api_key:$KEY -d {"alerts":[{"status":"firing","labels":{"alertname":"Graf"}}]} | 202 | "task_name":
-X POST $URL/alerts/event/nosuch -H "X-API-KEY: $KEY" -d {} | 400 | Provider nosuch not found
-X POST $URL/alerts/event -d {} | 401 | "detail":
$URL/alerts?limit=10 -H "X-API-KEY: $KEY" | 200 | "fingerprint":"d1"
$URL/alerts/d1 -H "Authorization: Bearer $KEY" | 200 | "message":"it is full"
$URL/alerts/nothing -H "X-API-KEY: $KEY" | 404 | "detail":"Alert not found"
$URL/alerts/d1/history -H "X-API-KEY: $KEY" | 200 | [{
-X POST $URL/alerts/query -H "X-API-KEY: $KEY" -d {"cel":"severity=='critical'","limit":10,"offset":0} | 200 | "count":1
-X POST $URL/alerts/search -H "X-API-KEY: $KEY" -d {"query":{"cel_query":"name.contains('dis')"}} | 200 | "d1"
-X POST $URL/alerts/batch -H "X-API-KEY: $KEY" -d ["d1"] | 200 | "d1"
-X POST $URL/alerts/enrich -H "X-API-KEY: $KEY" -d {"fingerprint":"d1","enrichments":{"ticket_id":"T-1"}} | 200 | "status":"ok"
$URL/alerts/d1 -H "X-API-KEY: $KEY" | 200 | "ticket_id":"T-1"
-X POST $URL/alerts/enrich -H "X-API-KEY: $KEY" -d {"fingerprint":"d1","enrichments":{"dismissed":"true"}} | 200 | "status":"ok"
$URL/alerts/d1 -H "X-API-KEY: $KEY" | 200 | "status":"suppressed"
-X POST $URL/workflows -H "X-API-KEY: $KEY" -F file=@$UP | 201 | "status":"created"
-X POST $URL/workflows?lookup_by_name=true -H "X-API-KEY: $KEY" -F file=@$UP | 201 | "revision":1
-X POST $URL/workflows/json -H "X-API-KEY: $KEY" --data-binary @$UP | 201 | "workflow_id":"up"
-X PUT $URL/workflows/up -H "X-API-KEY: $KEY" --data-binary @$UP | 201 | "status":"updated"
-X PUT $URL/workflows/nothing -H "X-API-KEY: $KEY" --data-binary @$UP | 404 | "detail":
$URL/workflows -H "X-API-KEY: $KEY" | 200 | "workflow_raw":"workflow:
$URL/workflows/up/raw -H "X-API-KEY: $KEY" | 200 | "workflow_raw":
-X POST $URL/workflows/up/run -H "X-API-KEY: $KEY" -H "Content-Type: application/json" -d {"name":"x","severity":"HIGH","source":"me"} | 200 | "status":"success"
-X POST $URL/workflows/up/run -H "X-API-KEY: $KEY" | 200 | "workflow_execution_id":
-X POST $URL/workflows/nothing/run -H "X-API-KEY: $KEY" -d {} | 404 | "detail":
$URL/workflows/runs/$RUN -H "X-API-KEY: $KEY" | 200 | "workflow_id":"up"
$URL/workflows/up/runs/$RUN -H "X-API-KEY: $KEY" | 200 | "triggered_by":"manually by admin"
$URL/workflows/up/runs?limit=5 -H "X-API-KEY: $KEY" | 200 | "passCount":
$URL/workflows/executions/list?workflow_execution_id=$RUN -H "X-API-KEY: $KEY" | 200 | "logs":
-L $URL/workflows/up/run?name=x&api_key=$KEY -H "X-API-KEY: $KEY" | 200 | "workflow_id":"up"
-X PUT $URL/workflows/up/toggle -H "X-API-KEY: $KEY" | 200 | "is_disabled":true
-X DELETE $URL/workflows/up -H "X-API-KEY: $KEY" | 200 | "status":"deleted"
-X DELETE $URL/workflows/up -H "X-API-KEY: $KEY" | 404 | "detail":
-X POST $URL/incidents -H "X-API-KEY: $KEY" -d {"user_generated_name":"outage","id":"11111111-1111-4111-8111-111111111111"} | 202 | "status":"firing"
$URL/incidents -H "X-API-KEY: $KEY" | 200 | "outage"
-X DELETE $URL/incidents/11111111-1111-4111-8111-111111111111 -H "X-API-KEY: $KEY" | 200 | deleted
$URL/providers -H "X-API-KEY: $KEY" | 200 | "installed_providers":
$URL/actions -H "X-API-KEY: $KEY" | 200 | []
-X POST $URL/extraction -H "X-API-KEY: $KEY" -d {"name":"user","description":"","priority":5,"pre":false,"attribute":"message","regex":"user=(?P<user>[^ ]+)","condition":""} | 200 | "id":1
$URL/extraction -H "X-API-KEY: $KEY" | 200 | "created_by":"admin"
-X POST $URL/mapping -H "X-API-KEY: $KEY" -d {"name":"owners","description":"","file_name":"o.csv","matchers":["user"],"priority":0,"rows":[{"user":"ann","team":"web"}]} | 200 | "attributes":["team"]
$URL/mapping -H "X-API-KEY: $KEY" | 200 | "matchers":["user"]
-X POST $URL/alerts/event -H "X-API-KEY: $KEY" -d {"name":"login","fingerprint":"l1","message":"user=ann failed"} | 202 | "task_name":
$URL/alerts/l1 -H "X-API-KEY: $KEY" | 200 | "user":"ann","team":"web"
-X DELETE $URL/extraction/1 -H "X-API-KEY: $KEY" | 200 | "message":
-X DELETE $URL/mapping/1 -H "X-API-KEY: $KEY" | 200 | "message":
-X POST $URL/providers/install -H "X-API-KEY: $KEY" -d {"provider_id":"smtp","provider_name":"post","smtp_server":"a","smtp_port":"587"} | 200 | "validatedScopes":{}
-X POST $URL/providers/install -H "X-API-KEY: $KEY" -d {"provider_id":"smtp","provider_name":"other"} | 412 | "detail":{"smtp_server":
-X DELETE $URL/providers/dummy/nothing -H "X-API-KEY: $KEY" | 404 | "detail":"Provider not found"
$URL/whoami -H "X-API-KEY: $KEY" | 200 | "tenant_id":"keep"
$URL/healthcheck | 200 | {}
$URL/status -H "X-API-KEY: $KEY" | 200 | "status":"OK"
`

func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is not installed: apt-get install curl")
	}
	w := newWorld(t, installing)
	w.key = w.makeKey("admin")
	up := filepath.Join(t.TempDir(), "up.yaml")
	must(t, os.WriteFile(up, []byte(uploaded), 0o600))
	run := ""
	for line := range strings.SplitSeq(strings.TrimSpace(curlCalls), "\n") {
		parts := strings.Split(line, " | ")
		if run != "" && strings.Contains(line, "$RUN") {
			w.until("/workflows/runs/"+run, func(a answer) bool { return a.text(t, "status") != "in_progress" })
		}
		call := strings.NewReplacer("$URL", w.url, "$KEY", w.key, "$UP", up, "$RUN", run).Replace(parts[0])
		c := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "--noproxy", "*", "-m", "30", "-w", "\n%{http_code}"}, shellWords(call)...)...)
		out, err := c.CombinedOutput()
		body, status, _ := cutLast(string(out))
		if err != nil || status != parts[1] || !strings.Contains(body, parts[2]) {
			t.Errorf("curl %s\n%v: %s, want %s: %s\nwithout %s", parts[0], err, status, parts[1], body, parts[2])
		}
		if _, after, ok := strings.Cut(body, `"workflow_execution_id":"`); ok {
			run, _, _ = strings.Cut(after, `"`)
		}
	}
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '\n')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// shellWords splits at spaces, but for those in double quotes around a whole word and in
// what follows -d.
func shellWords(s string) []string {
	if head, data, ok := strings.Cut(s, " -d "); ok {
		return append(shellWords(head), "-d", data)
	}
	var words []string
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// The table of routes is the same whatever order its rows are in, and has each once.
func TestRowsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range routes() {
		if seen[r.pattern()] {
			t.Errorf("%s is there twice", r.pattern())
		}
		seen[r.pattern()] = true
	}
	if len(seen) < 80 {
		t.Error(fmt.Sprint(len(seen)))
	}
}
