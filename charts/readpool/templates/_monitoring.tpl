{{/* What the templates for Prometheus and Grafana share. */}}

{{- define "readpool.monitoring.labels" -}}
{{ include "readpool.labels" . }}
app.kubernetes.io/component: monitoring
{{- end }}

{{/* "true" where a group of alerts is about something that this release runs. */}}
{{- define "readpool.monitoring.hasGroup" -}}
{{- $gates := and .root.Values.controller.enabled .root.Values.monitoring.gates.enabled }}
{{- $runs := dict "certificates" (include "readpool.certificates.isRun" .root) "controller" .root.Values.controller.enabled "router" .root.Values.router.enabled "gates" $gates }}
{{- if get (merge $runs (dict "fleets" true "scaler" true)) .name }}true{{ end }}
{{- end }}

{{/* A group of alerts from rules/: with its links, and without what monitoring.rules.disabled names. */}}
{{- define "readpool.monitoring.group" -}}
{{- $set := .root.Values.monitoring.rules }}
{{- $text := .root.Files.Get (printf "rules/%s.yaml" .name) }}
{{- $text = $text | replace "@RUNBOOKS@" (trimSuffix "/" $set.runbookUrl) | replace "@GRAFANA@" (trimSuffix "/" $set.grafanaUrl) }}
{{- $group := fromYaml $text }}
{{- $rules := list }}
{{- range $group.rules }}
{{- if not (has .alert $set.disabled) }}
{{- if not $set.grafanaUrl }}{{ $_ := unset .annotations "dashboard_url" }}{{ end }}
{{- $_ := set . "labels" (merge .labels $set.alertLabels) }}
{{- $rules = append $rules . }}
{{- end }}
{{- end }}
{{- if $rules }}
{{- toYaml (list (dict "name" $group.name "rules" $rules)) }}
{{- end }}
{{- end }}

{{/* An endpoint of a monitor: how often and how it is scraped. */}}
{{- define "readpool.monitoring.scrape" -}}
interval: {{ .interval }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
