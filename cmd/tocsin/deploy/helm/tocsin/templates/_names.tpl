{{- define "tocsin.name" -}}
{{- if contains "tocsin" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-tocsin" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tocsin.selector" -}}
app.kubernetes.io/name: tocsin
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tocsin.labels" -}}
{{ include "tocsin.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "tocsin.workflows" -}}
{{ .Values.workflowsConfigMap | default (printf "%s-workflows" (include "tocsin.name" .)) }}
{{- end }}

{{- define "tocsin.claim" -}}
{{ .Values.persistence.existingClaim | default (printf "%s-data" (include "tocsin.name" .)) }}
{{- end }}

{{- define "tocsin.listen" -}}
{{ if .Values.exposed }}:8080{{ else }}127.0.0.1:8080{{ end }}
{{- end }}
