package ingest

import (
	"strings"

	"tocsin/templating/value"
)

func zabbix() Format {
	return Format{
		Name: "zabbix", Title: "Zabbix", Doc: zabbixDoc,
		Schemes: []string{"token"}, Parse: parseZabbix,
	}
}

const zabbixDoc = `In Zabbix (5.0 or later): Alerts, Media types, Create media type, Type Webhook. Parameters:

    url           https://tocsin.example.com/alerts/event/zabbix
    key           YOUR-API-KEY
    id            {EVENT.ID}              name         {EVENT.NAME}
    value         {EVENT.VALUE}           severity     {EVENT.NSEVERITY}
    triggerId     {TRIGGER.ID}            status       {EVENT.STATUS}
    hostName      {HOST.NAME}             hostIp       {HOST.IP}
    description   {TRIGGER.DESCRIPTION}   opdata       {EVENT.OPDATA}
    tags          {EVENT.TAGSJSON}        acknowledged {EVENT.ACK.STATUS}
    update_action {EVENT.UPDATE.ACTION}   link         {$ZABBIX.URL}/tr_events.php?triggerid={TRIGGER.ID}&eventid={EVENT.ID}

Script:

    var p = JSON.parse(value), r = new HttpRequest();
    r.addHeader('Content-Type: application/json');
    r.addHeader('X-API-KEY: ' + p.key);
    var url = p.url;
    delete p.key; delete p.url;
    var answer = r.post(url, JSON.stringify(p));
    if (r.getStatus() < 200 || r.getStatus() > 299) { throw r.getStatus() + ' ' + answer; }
    return 'OK';

Give the media to a user, and let an action send to it for problems, recoveries and
updates. An alert is a problem; {EVENT.ID} is the same when it recovers. Parameters that
Keep's script names differently are read too.
`

// parseZabbix reads the parameters above, all of them texts. Macros that Zabbix could not
// fill in stay as they are and say nothing.
func parseZabbix(r Request) ([]Alert, error) {
	m, err := decodeMap(r)
	if err != nil {
		return nil, err
	}
	return from("zabbix", r).single(zabbixProblem(m))
}

func zabbixProblem(m *value.Map) (draft, error) {
	id, name := macro(m, "id"), macro(m, "name")
	if id == "" || name == "" {
		return draft{}, refuse(Invalid, `the body has no "id" ({EVENT.ID}) or no "name" ({EVENT.NAME})`)
	}
	tags, err := zabbixTags(at(m, "tags"))
	if err != nil {
		return draft{}, err
	}
	was, err := zabbixStatus(m)
	if err != nil {
		return draft{}, err
	}
	host := macro(m, "hostName")
	if host != "" {
		tags.Set("host", host)
	}
	return draft{
		Name: name, Status: was, Severity: zabbixSeverity(macro(m, "severity")), Fingerprint: "zabbix:" + id,
		Message: or(macro(m, "message"), macro(m, "opdata"), name), Description: macro(m, "description"), URL: or(macro(m, "link"), macro(m, "url")),
		Service:     or(macro(m, "service"), text(tags, "service")),
		Environment: or(macro(m, "environment"), text(tags, "environment"), text(tags, "env")), Labels: tags,
		Extra: map[string]any{
			"event_id": id, "triggerId": macro(m, "triggerId"), "hostName": host, "hostIp": macro(m, "hostIp"),
			"opdata": macro(m, "opdata"), "update_action": macro(m, "update_action"),
		},
	}, nil
}

// zabbixStatus is of the event: its value 1 is a problem, 0 is over. {EVENT.STATUS} says
// the same in words, and only those who ask for it learn of an acknowledgement.
func zabbixStatus(m *value.Map) (string, error) {
	was := status(macro(m, "status"))
	switch macro(m, "value") {
	case "0":
		was = "resolved"
	case "1":
		was = or(was, "firing")
	}
	if was == "" {
		return "", refuse(Invalid, `"value" ({EVENT.VALUE}) is neither 0 nor 1, and "status" is %q`, short(macro(m, "status")))
	}
	if was == "firing" && zabbixAcknowledged(m) {
		was = "acknowledged"
	}
	return was, nil
}

// zabbixAcknowledged reads {EVENT.ACK.STATUS}, else the actions of an update.
func zabbixAcknowledged(m *value.Map) bool {
	if now := macro(m, "acknowledged"); now != "" {
		return strings.EqualFold(now, "yes")
	}
	for action := range strings.SplitSeq(macro(m, "update_action"), ",") {
		if strings.TrimSpace(action) == "acknowledged" {
			return true
		}
	}
	return false
}

// zabbixSeverity is {EVENT.NSEVERITY}, 0 to 5, or {EVENT.SEVERITY}.
func zabbixSeverity(s string) string {
	if len(s) == 1 && s[0] >= '0' && s[0] <= '5' {
		return []string{"low", "info", "warning", "warning", "high", "critical"}[s[0]-'0']
	}
	if strings.EqualFold(s, "average") {
		return "warning"
	}
	return severity(s)
}

// zabbixTags reads {EVENT.TAGSJSON}, a list of {"tag", "value"}, as a list or as text.
func zabbixTags(v any) (*value.Map, error) {
	tags := value.NewMap(4)
	if s, ok := v.(string); ok {
		if !looksLikeJSON(s) {
			return tags, nil
		}
		list, err := decodeJSON([]byte(s))
		if err != nil {
			return nil, within(`"tags"`, err)
		}
		v = list
	}
	list, _ := v.([]any)
	for _, item := range list {
		if name := text(item, "tag"); name != "" {
			addLabel(tags, name, text(item, "value"))
		}
	}
	return tags, nil
}

// macro is text without a macro that was not filled in.
func macro(m *value.Map, key string) string {
	s := text(m, key)
	if s == "*UNKNOWN*" || strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") || strings.HasPrefix(s, "{$") {
		return ""
	}
	return s
}
