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
{{- if include "readpool.tls.isManaged" . }}{{ include "readpool.scaler.fullname" . }}-tls{{ else }}{{ .Values.scaler.tls.secretName }}{{ end }}
{{- end }}

{{- define "readpool.scaler.clientCASecretName" -}}
{{- .Values.scaler.tls.clientCA.secretName | default (include "readpool.scaler.tlsSecretName" .) }}
{{- end }}

{{/* The names that are let in, with commas between them: where the installation names its callers, these, and those of the values. Empty for all. */}}
{{- define "readpool.scaler.clientNames" -}}
{{- $names := list }}
{{- if include "readpool.tls.isManaged" . }}
{{- $names = list (include "readpool.tls.kedaName" .) (include "readpool.tls.checkerName" .) }}
{{- if .Values.controller.enabled }}
{{- $names = append $names (include "readpool.tls.controllerName" .) }}
{{- end }}
{{- end }}
{{- join "," (concat $names .Values.scaler.tls.clientCA.names) }}
{{- end }}

{{/* The Secret with the client certificate of `helm test`; empty where there is none. */}}
{{- define "readpool.scaler.testClientSecretName" -}}
{{- if include "readpool.tls.isManaged" . }}
{{- include "readpool.scaler.fullname" . }}-client-tls
{{- else if include "readpool.tls.isMutual" . }}
{{- .Values.scaler.tls.testClientSecretName }}
{{- end }}
{{- end }}

{{/* What the schema cannot say: values that need each other. */}}
{{- define "readpool.checkValues" -}}
{{- include "readpool.tls.checkValues" . }}
{{- $needed := add .Values.scaler.drainSeconds .Values.scaler.preStopSleepSeconds }}
{{- if le (int .Values.scaler.terminationGracePeriodSeconds) (int $needed) }}
{{- fail (printf "scaler.terminationGracePeriodSeconds %d: must be more than drainSeconds and preStopSleepSeconds together, %d, or calls in flight are cut" (int .Values.scaler.terminationGracePeriodSeconds) (int $needed)) }}
{{- end }}
{{- if eq (int .Values.scaler.service.port) (int .Values.scaler.telemetry.port) }}
{{- fail (printf "scaler.service.port and scaler.telemetry.port are both %d: the pod listens on both" (int .Values.scaler.service.port)) }}
{{- end }}
{{- end }}
