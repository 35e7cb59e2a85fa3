{{/* Names and labels, as `helm create` makes them; and what several templates ask about the values. */}}

{{- define "readpool.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Cut at 45, so that the longest suffix still makes a name of 63. */}}
{{- define "readpool.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "readpool.scaler.fullname" -}}
{{ include "readpool.fullname" . }}-scaler
{{- end }}

{{- define "readpool.selectorLabels" -}}
app.kubernetes.io/name: {{ include "readpool.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Ours win over commonLabels: selectors stand on them. */}}
{{- define "readpool.labels" -}}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- $labels := include "readpool.selectorLabels" . | fromYaml }}
{{- $labels = merge $labels (dict "helm.sh/chart" $chart "app.kubernetes.io/version" .Chart.AppVersion) }}
{{- $labels = merge $labels (dict "app.kubernetes.io/part-of" "readpool" "app.kubernetes.io/managed-by" .Release.Service) }}
{{- toYaml (merge $labels (omit .Values.commonLabels "app.kubernetes.io/component")) }}
{{- end }}

{{- define "readpool.scaler.selectorLabels" -}}
{{ include "readpool.selectorLabels" . }}
app.kubernetes.io/component: scaler
{{- end }}

{{/* The same as k=v,k=v: by them a pool's NetworkPolicy admits the scalers. */}}
{{- define "readpool.scaler.selectorPairs" -}}
{{- $pairs := list }}
{{- range $key, $value := include "readpool.scaler.selectorLabels" . | fromYaml }}
{{- $pairs = append $pairs (printf "%s=%s" $key $value) }}
{{- end }}
{{- join "," $pairs }}
{{- end }}

{{- define "readpool.scaler.labels" -}}
{{ include "readpool.labels" . }}
app.kubernetes.io/component: scaler
{{- end }}

{{/* Not the scaler's own component, or the Service would send KEDA there. */}}
{{- define "readpool.test.selectorLabels" -}}
{{ include "readpool.selectorLabels" . }}
app.kubernetes.io/component: scaler-test
{{- end }}

{{- define "readpool.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "readpool.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "readpool.scaler.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The address for a ScaledObject: KEDA looks the name up and balances over all that it finds. */}}
{{- define "readpool.scaler.address" -}}
{{ include "readpool.scaler.fullname" . }}.{{ .Release.Namespace }}:{{ int .Values.scaler.service.port }}
{{- end }}

{{- define "readpool.scaler.tlsSecretName" -}}
{{- .Values.scaler.tls.secretName | default (printf "%s-tls" (include "readpool.scaler.fullname" .)) }}
{{- end }}

{{- define "readpool.scaler.clientCASecretName" -}}
{{- .Values.scaler.tls.clientCA.secretName | default (include "readpool.scaler.tlsSecretName" .) }}
{{- end }}

{{/* "true" where cert-manager issues a client certificate too: it can, where the servers' authority is the clients'. */}}
{{- define "readpool.scaler.issuesClient" -}}
{{- with .Values.scaler.tls }}
{{- if and .enabled .certManager.enabled .clientCA.enabled (not .clientCA.secretName) (not .testClientSecretName) }}true{{ end }}
{{- end }}
{{- end }}

{{/* The names that are let in, with commas between them; those that the chart issues are among them. Empty for all. */}}
{{- define "readpool.scaler.clientNames" -}}
{{- $names := .Values.scaler.tls.clientCA.names }}
{{- if and $names (include "readpool.scaler.issuesClient" .) }}
{{- $names = append $names (printf "%s-client" (include "readpool.scaler.fullname" .)) }}
{{- end }}
{{- if and $names (include "readpool.controller.issuesClient" .) }}
{{- $names = append $names (printf "%s-client" (include "readpool.controller.fullname" .)) }}
{{- end }}
{{- join "," $names }}
{{- end }}

{{/* The Secret with the client certificate of `helm test`; empty where there is none. */}}
{{- define "readpool.scaler.testClientSecretName" -}}
{{- if include "readpool.scaler.issuesClient" . }}
{{- include "readpool.scaler.fullname" . }}-client-tls
{{- else if and .Values.scaler.tls.enabled .Values.scaler.tls.clientCA.enabled }}
{{- .Values.scaler.tls.testClientSecretName }}
{{- end }}
{{- end }}

{{/* What the schema cannot say: values that need each other. */}}
{{- define "readpool.checkValues" -}}
{{- $tls := .Values.scaler.tls }}
{{- if and $tls.enabled (not $tls.secretName) (not $tls.certManager.enabled) }}
{{- fail "scaler.tls.enabled: name a Secret with tls.crt and tls.key in scaler.tls.secretName, or let cert-manager issue one: scaler.tls.certManager.enabled" }}
{{- end }}
{{- if and (not $tls.enabled) (or $tls.clientCA.enabled $tls.certManager.enabled) }}
{{- fail "scaler.tls.clientCA.enabled and scaler.tls.certManager.enabled need scaler.tls.enabled=true" }}
{{- end }}
{{- if and $tls.certManager.enabled (not $tls.certManager.issuerRef.name) }}
{{- fail "scaler.tls.certManager.enabled: name the issuer in scaler.tls.certManager.issuerRef.name" }}
{{- end }}
{{- $needed := add .Values.scaler.drainSeconds .Values.scaler.preStopSleepSeconds }}
{{- if le (int .Values.scaler.terminationGracePeriodSeconds) (int $needed) }}
{{- fail (printf "scaler.terminationGracePeriodSeconds %d: must be more than drainSeconds and preStopSleepSeconds together, %d, or calls in flight are cut" (int .Values.scaler.terminationGracePeriodSeconds) (int $needed)) }}
{{- end }}
{{- if eq (int .Values.scaler.service.port) (int .Values.scaler.telemetry.port) }}
{{- fail (printf "scaler.service.port and scaler.telemetry.port are both %d: the pod listens on both" (int .Values.scaler.service.port)) }}
{{- end }}
{{- end }}
