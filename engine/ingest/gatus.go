package ingest

import (
	"net/url"
	"strings"

	"tocsin/templating/value"
)

func gatus() Format {
	return Format{
		Name: "gatus", Title: "Gatus", Doc: gatusDoc,
		Schemes: []string{"token"}, Parse: parseGatus,
	}
}

const gatusDoc = `In Gatus' configuration:

    alerting:
      custom:
        url: https://tocsin.example.com/alerts/event/gatus
        method: POST
        headers: {X-API-KEY: YOUR-API-KEY, Content-Type: text/plain}
        body: |
          status: [ALERT_TRIGGERED_OR_RESOLVED]
          group: [ENDPOINT_GROUP]
          name: [ENDPOINT_NAME]
          url: [ENDPOINT_URL]
          description: [ALERT_DESCRIPTION]
          errors: [RESULT_ERRORS]
        default-alert: {send-on-resolved: true}

and "alerts: [{type: custom}]" at the endpoints. The body is lines, because Gatus puts
texts into it as they are and an error with quotes in it breaks JSON; errors comes last,
so that it may have several lines. Further lines are labels, but severity, environment
and service, which are those fields. Without a severity an alert is critical. A JSON
object with the same keys is read too.
`

// parseGatus reads the body above. Its placeholders are Gatus'
// (https://github.com/TwiN/gatus#configuring-custom-alerts).
func parseGatus(r Request) ([]Alert, error) {
	if len(r.Body) > MaxBody {
		return nil, refuse(TooLarge, "the body is longer than %d bytes", MaxBody)
	}
	o := from("gatus", r)
	if body := string(r.Body); !looksLikeJSON(body) {
		m, err := gatusLines(body)
		if err != nil {
			return nil, err
		}
		return o.single(gatusEndpoint(m))
	}
	m, err := decodeMap(r)
	if err != nil {
		return nil, err
	}
	return o.single(gatusEndpoint(m))
}

// gatusLines reads "key: value" lines; all that follows "errors:" is its value.
func gatusLines(body string) (*value.Map, error) {
	m := value.NewMap(8)
	for rest := strings.ToValidUTF8(body, "�"); rest != ""; {
		line, more, _ := strings.Cut(rest, "\n")
		key, v, ok := strings.Cut(line, ":")
		key = strings.TrimSpace(key)
		switch {
		case strings.TrimSpace(line) == "":
		case !ok || key == "" || strings.ContainsAny(key, " \t"):
			return nil, refuse(Malformed, "the line %q is not of the form name: text", short(line))
		case key == "errors":
			_, v, _ = strings.Cut(rest, ":")
			m.Set(key, strings.ReplaceAll(strings.TrimSpace(v), `\"`, `"`))
			return m, nil
		case m.Len() == MaxLabels:
			return nil, refuse(TooLarge, "the body has more than %d lines", MaxLabels)
		default:
			m.Set(key, strings.TrimSpace(v))
		}
		rest = more
	}
	return m, nil
}

func gatusEndpoint(m *value.Map) (draft, error) {
	name, state := gatusText(m, "name"), gatusText(m, "status")
	was := status(state)
	if name == "" || was == "" {
		return draft{}, refuse(Invalid, `the body has no "name", or the "status" %q: want TRIGGERED or RESOLVED`, short(state))
	}
	labels := value.NewMap(4)
	for k := range m.All() {
		switch k {
		case "name", "status", "url", "description", "errors", "severity", "environment", "service":
		default:
			setLabel(labels, k, gatusText(m, k))
		}
	}
	group := gatusText(m, "group")
	return draft{
		Name: name, Status: was, Severity: severity(gatusText(m, "severity")), Otherwise: "critical",
		Fingerprint: "gatus:" + url.PathEscape(group) + "/" + url.PathEscape(name),
		Message:     or(gatusText(m, "errors"), gatusText(m, "description")), Description: gatusText(m, "description"), URL: gatusText(m, "url"),
		Environment: gatusText(m, "environment"), Service: or(gatusText(m, "service"), group), Labels: labels,
	}, nil
}

// gatusText is text without a placeholder that this version of Gatus does not know.
func gatusText(m *value.Map, key string) string {
	s := text(m, key)
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && strings.ToUpper(s) == s && !strings.Contains(s, " ") {
		return ""
	}
	return s
}
