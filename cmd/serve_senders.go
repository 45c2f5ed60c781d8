package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tocsin/engine/ingest"
)

// senderVariable begins the names of variables with what senders of alerts know:
// TOCSIN_INGEST_GRAFANA.
const senderVariable = "TOCSIN_INGEST_"

// A proof is how deliveries of a format without a key prove who they are from. A variable
// has it as JSON, or the secret alone, for the best of the format's schemes.
type proof struct {
	Scheme          string   `json:"scheme"`
	Secrets         []string `json:"secrets"`
	Header          string   `json:"header"`
	TimestampHeader string   `json:"timestamp_header"`
}

// checks are those of the formats of which the environment has secrets.
func (p process) checks() (map[string]ingest.Check, error) {
	all := map[string]ingest.Check{}
	for _, pair := range p.environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, senderVariable) || text == "" {
			continue
		}
		format, ok := ingest.Lookup(strings.ToLower(strings.TrimPrefix(name, senderVariable)))
		if !ok {
			return nil, usage("the formats are "+strings.Join(formatNames(), ", "), "%s: there is no such format of alerts", name)
		}
		check, err := checkOf(format, text)
		if err != nil {
			return nil, usage(`give the secret, or {"scheme": "`+format.Schemes[0]+`", "secrets": ["..."]}`, "%s: %v", name, err)
		}
		all[format.Name] = check
	}
	return all, nil
}

// checkOf reads what a variable says. Its errors do not quote it: it is a secret.
func checkOf(format ingest.Format, text string) (ingest.Check, error) {
	said := proof{Scheme: format.Schemes[0], Secrets: []string{text}}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		said.Secrets = nil
		dec := json.NewDecoder(bytes.NewReader([]byte(text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&said); err != nil {
			return ingest.Check{}, fmt.Errorf("it is no JSON with scheme, secrets, header and timestamp_header")
		}
	}
	switch {
	case !slices.Contains(format.Schemes, said.Scheme):
		return ingest.Check{}, fmt.Errorf("the schemes of %s are %s", format.Name, strings.Join(format.Schemes, ", "))
	case len(said.Secrets) == 0 || slices.Contains(said.Secrets, ""):
		return ingest.Check{}, fmt.Errorf("it has no secrets, or an empty one")
	}
	return ingest.Check(said), nil
}

func formatNames() []string {
	var names []string
	for _, f := range ingest.Formats() {
		names = append(names, f.Name)
	}
	return names
}
