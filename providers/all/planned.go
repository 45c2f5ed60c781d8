package all

// planned are Keep's other provider types, by name: workflows that use them compile,
// with a warning. A name stands for its subtypes too (auth0 for auth0.logs). A row
// goes when its provider comes.
var planned = []string{
	"airflow", "aks", "amazonsqs", "anthropic", "appdynamics", "argocd", "asana", "auth0",
	"axiom", "azuremonitoring", "bash", "bigquery", "centreon", "checkly", "checkmk", "cilium",
	"clickhouse", "cloudwatch", "coralogix", "dash0", "databend", "datadog", "deepseek",
	"discord", "dynatrace", "eks", "elastic", "flashduty", "fluxcd", "gcpmonitoring", "gemini",
	"github", "github_workflows", "gitlab", "gitlabpipelines", "gke", "google_chat", "grafana",
	"grafana_incident", "grafana_loki", "grafana_oncall", "graylog", "grok", "icinga2", "ilert",
	"incidentio", "incidentmanager", "jira", "jiraonprem", "kafka", "keep", "kibana",
	"kubernetes", "libre_nms", "linear", "linearb", "litellm", "llamacpp", "mailgun",
	"mattermost", "monday", "mongodb", "mysql", "netbox", "netdata", "netxms", "newrelic", "ntfy",
	"ollama", "openai", "openobserve", "opensearchserverless", "openshift", "opsgenie",
	"pagerduty", "pagertree", "parseable", "pingdom", "planner", "postgres", "posthog",
	"prometheus", "pushover", "python", "quickchart", "redmine", "resend", "rollbar", "s3",
	"salesforce", "sendgrid", "sentry", "servicenow", "signalfx", "signl4", "site24x7",
	"snowflake", "splunk", "squadcast", "ssh", "statuscake", "sumologic", "teams", "telegram",
	"thousandeyes", "trello", "twilio", "uptimekuma", "vectordev", "victorialogs",
	"victoriametrics", "vllm", "wazuh", "youtrack", "zabbix", "zendesk", "zenduty", "zoom",
	"zoom_chat",
}
