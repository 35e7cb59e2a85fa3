{{/* What the templates of `readpool certificates` share: its names and labels, and what it is to do. */}}

{{- define "readpool.certificates.fullname" -}}
{{ include "readpool.fullname" . }}-certificates
{{- end }}

{{- define "readpool.certificates.selectorLabels" -}}
{{ include "readpool.selectorLabels" . }}
app.kubernetes.io/component: certificates
{{- end }}

{{- define "readpool.certificates.labels" -}}
{{ include "readpool.labels" . }}
app.kubernetes.io/component: certificates
{{- end }}

{{- define "readpool.certificates.serviceAccountName" -}}
{{- $account := .Values.certificates.serviceAccount }}
{{- if $account.create }}
{{- default (include "readpool.certificates.fullname" .) $account.name }}
{{- else }}
{{- $account.name }}
{{- end }}
{{- end }}

{{/* The flags that say which Secrets hold what. */}}
{{- define "readpool.certificates.args" -}}
- --namespace={{ .Release.Namespace }}
{{- if eq .Values.tls.mode "auto" }}
- --authority={{ include "readpool.tls.authoritySecretName" . }}
- --authority-name={{ include "readpool.fullname" . }}.{{ .Release.Namespace }}
- --duration={{ .Values.tls.auto.duration }}
- --authority-duration={{ .Values.tls.auto.authorityDuration }}
{{- range include "readpool.tls.leaves" . | fromYamlArray }}
- --{{ ternary "server" "client" .isServer }}={{ .secret }}={{ join "," .names }}
{{- end }}
{{- if include "readpool.keda.isSetUp" . }}
- --client={{ .Values.keda.namespace }}/{{ include "readpool.keda.name" . }}={{ include "readpool.tls.kedaName" . }}
{{- end }}
{{- else }}
- --copy={{ include "readpool.keda.sourceSecretName" . }}={{ .Values.keda.namespace }}/{{ include "readpool.keda.name" . }}
{{- end }}
{{- end }}

{{/* The Secrets of the release's namespace that it may read, and with tls.mode=auto change, as JSON. */}}
{{- define "readpool.certificates.secretNames" -}}
{{- $names := list }}
{{- if eq .Values.tls.mode "auto" }}
{{- $names = list (include "readpool.tls.authoritySecretName" .) }}
{{- range include "readpool.tls.leaves" . | fromYamlArray }}
{{- $names = append $names .secret }}
{{- end }}
{{- else }}
{{- $names = list (include "readpool.keda.sourceSecretName" .) }}
{{- end }}
{{- toJson $names }}
{{- end }}
