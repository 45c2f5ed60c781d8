package ingest

import (
	"net/url"
	"strings"

	"tocsin/templating/value"
)

func cloudWatch() Format {
	return Format{
		Name: "cloudwatch", Aliases: []string{"sns"}, Title: "Amazon CloudWatch, through SNS", Doc: cloudWatchDoc,
		Schemes: []string{"sns", "token"}, Parse: parseCloudWatch,
	}
}

const cloudWatchDoc = `Make an SNS topic, let the alarms send to it for ALARM and OK, and subscribe Tocsin:

    aws sns subscribe --topic-arn arn:aws:sns:eu-west-1:123456789012:alarms --protocol https \
      --notification-endpoint 'https://tocsin.example.com/alerts/event/cloudwatch?api_key=YOUR-API-KEY'

Leave raw message delivery off: Amazon signs the messages otherwise. The scheme sns checks
that signature; give it the ARN of the topic as its secret, because anybody can have
a topic at Amazon. Tocsin confirms the subscription by itself. Events of EventBridge
("CloudWatch Alarm State Change") and any other text sent to the topic become alerts as
well. CloudWatch knows no severity: an alarm is high, or what ?severity= in the URL says.
`

// parseCloudWatch reads a message of SNS
// (https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html), or what
// raw delivery leaves of it.
func parseCloudWatch(r Request) ([]Alert, error) {
	m, err := decodeMap(r)
	if err != nil {
		return nil, err
	}
	o := from("cloudwatch", r)
	switch kind := text(m, "Type"); kind {
	case "Notification":
		return o.single(snsNotification(m))
	case "SubscriptionConfirmation":
		return nil, confirm(r, m)
	case "UnsubscribeConfirmation":
		return nil, skip("the subscription of %s has ended", short(text(m, "TopicArn")))
	case "":
		return o.single(cloudWatchAlarm(m))
	default:
		return nil, refuse(Invalid, "SNS knows no message of the type %q", short(kind))
	}
}

// confirm tells Amazon that the topic may send here.
func confirm(r Request, m *value.Map) error {
	address, topic := text(m, "SubscribeURL"), short(text(m, "TopicArn"))
	u, ok := snsAddress(address)
	if !ok || u.Query().Get("Action") != "ConfirmSubscription" {
		return refuse(Invalid, "the SubscribeURL of %s is none of Amazon SNS", topic)
	}
	if r.Fetch == nil {
		return refuse(Invalid, "the subscription of %s needs to be confirmed by hand", topic)
	}
	if _, err := r.Fetch(address); err != nil {
		return refuse(Unavailable, "the subscription of %s could not be confirmed: %v", topic, err)
	}
	return skip("the subscription of %s is confirmed", topic)
}

const regionLetters = "abcdefghijklmnopqrstuvwxyz0123456789-"

// snsAddress reads an address that SNS itself serves.
func snsAddress(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || u.Fragment != "" || u.Opaque != "" {
		return nil, false
	}
	host := strings.TrimSuffix(strings.TrimSuffix(u.Host, ".cn"), ".amazonaws.com")
	region, ok := strings.CutPrefix(host, "sns.")
	if !ok || host == u.Host || len(region) < 3 || strings.Trim(region, regionLetters) != "" {
		return nil, false
	}
	return u, true
}

// snsNotification reads the message in a notification: an alarm, or any text.
func snsNotification(m *value.Map) (draft, error) {
	message := text(m, "Message")
	if looksLikeJSON(message) {
		if v, err := decodeJSON([]byte(message)); err == nil {
			if alarm, ok := v.(*value.Map); ok && (at(alarm, "AlarmName") != nil || at(alarm, "detail", "alarmName") != nil) {
				return cloudWatchAlarm(alarm)
			}
		}
	}
	topic, subject := text(m, "TopicArn"), text(m, "Subject")
	return draft{
		Name: or(subject, topic[strings.LastIndexByte(topic, ':')+1:], "a message of SNS"), Otherwise: "high",
		Fingerprint: "sns:" + topic + ":" + subject, Message: message, Started: text(m, "Timestamp"),
		Extra: map[string]any{"topic": topic, "event_id": text(m, "MessageId")},
	}, nil
}

// cloudWatchAlarm reads an alarm as CloudWatch tells SNS, or as EventBridge does.
func cloudWatchAlarm(m *value.Map) (draft, error) {
	if at(m, "detail", "alarmName") != nil {
		return cloudWatchEvent(m)
	}
	region := arnPart(text(m, "AlarmArn"), 3)
	d := alarmDraft(text(m, "AlarmName"), text(m, "NewStateValue"), text(m, "AlarmArn"), region, text(m, "AWSAccountId"))
	d.Message, d.Description = text(m, "NewStateReason"), text(m, "AlarmDescription")
	d.Extra = map[string]any{
		"alarm_arn": text(m, "AlarmArn"), "old_state": text(m, "OldStateValue"), "threshold": at(m, "Trigger", "Threshold"),
	}
	alarmTime(&d, text(m, "StateChangeTime"))
	setLabel(d.Labels, "namespace", text(m, "Trigger", "Namespace"))
	setLabel(d.Labels, "metric", text(m, "Trigger", "MetricName"))
	dimensions, _ := at(m, "Trigger", "Dimensions").([]any)
	for _, dim := range dimensions {
		setLabel(d.Labels, or(text(dim, "name"), text(dim, "Name")), or(text(dim, "value"), text(dim, "Value")))
	}
	return d, alarmProblem(d)
}

// cloudWatchEvent reads the event "CloudWatch Alarm State Change" of EventBridge
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html).
func cloudWatchEvent(m *value.Map) (draft, error) {
	arn := ""
	if list, _ := at(m, "resources").([]any); len(list) > 0 {
		arn, _ = list[0].(string)
	}
	d := alarmDraft(text(m, "detail", "alarmName"), text(m, "detail", "state", "value"), arn, text(m, "region"), text(m, "account"))
	d.Message, d.Description = text(m, "detail", "state", "reason"), text(m, "detail", "configuration", "description")
	d.Extra = map[string]any{"alarm_arn": arn, "old_state": text(m, "detail", "previousState", "value"), "event_id": text(m, "id")}
	alarmTime(&d, text(m, "detail", "state", "timestamp"))
	return d, alarmProblem(d)
}

// alarmTime is when the state changed: the start of an alarm, or its end.
func alarmTime(d *draft, changed string) {
	if d.Status != "resolved" {
		d.Started = changed
	} else if t, ok := readTime(changed); ok {
		d.Extra["endsAt"] = timeText(t)
	}
}

func alarmDraft(name, state, arn, region, account string) draft {
	d := draft{Name: name, Otherwise: "high", Labels: value.NewMap(8)}
	switch state {
	case "ALARM":
		d.Status = "firing"
	case "OK":
		d.Status = "resolved"
	case "INSUFFICIENT_DATA":
		d.Status = "pending" // as in Keep: unknown, but not over
	}
	d.Fingerprint = "cloudwatch:" + or(arn, account+":"+region+":"+name)
	setLabel(d.Labels, "region", region)
	setLabel(d.Labels, "account", account)
	if region != "" && strings.Trim(region, regionLetters) == "" {
		d.URL = "https://" + region + ".console.aws.amazon.com/cloudwatch/home?region=" + region + "#alarmsV2:alarm/" + url.PathEscape(name)
	}
	return d
}

func alarmProblem(d draft) error {
	if d.Name == "" || d.Status == "" {
		return refuse(Invalid, "the message is no alarm: want an AlarmName, and ALARM, OK or INSUFFICIENT_DATA as NewStateValue")
	}
	return nil
}

// arnPart is the nth part of arn:partition:service:region:account:resource.
func arnPart(arn string, n int) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[n]
}
