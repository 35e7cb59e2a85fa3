{{/* What the router's templates share: its names and labels, and what its values need of each other. */}}

{{- define "readpool.router.fullname" -}}
{{ include "readpool.fullname" . }}-router
{{- end }}

{{- define "readpool.router.selectorLabels" -}}
{{ include "readpool.selectorLabels" . }}
app.kubernetes.io/component: router
{{- end }}

{{- define "readpool.router.labels" -}}
{{ include "readpool.labels" . }}
app.kubernetes.io/component: router
{{- end }}

{{/* The Secret with the certificate that it shows to controllers; empty where none is demanded. */}}
{{- define "readpool.router.clientSecretName" -}}
{{- if include "readpool.eds.isMutual" . }}
{{- if include "readpool.tls.isManaged" . }}{{ include "readpool.router.fullname" . }}-client-tls{{ else }}{{ .Values.router.edsClientSecretName }}{{ end }}
{{- end }}
{{- end }}

{{/* What lets the router reach the controllers. */}}
{{- define "readpool.router.controllerEgress" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "readpool.controller.selectorLabels" . | nindent 10 }}
  ports:
    - {port: eds, protocol: TCP}
{{- end }}

{{/* What the schema cannot say: values that need each other. */}}
{{- define "readpool.router.checkValues" -}}
{{- $router := .Values.router }}
{{- if not .Values.controller.enabled }}
{{- fail "router.enabled needs controller.enabled=true: the controllers tell it the endpoints" }}
{{- end }}
{{- if not $router.pools }}
{{- fail "router.enabled: name in router.pools the pools that it leads to, such as [{namespace: stellar, name: readers}]" }}
{{- end }}
{{- if not (include "readpool.gateImage" .) }}
{{- fail "router.enabled: name an image of Envoy in gate.image" }}
{{- end }}
{{- $memory := dig "limits" "memory" "512Mi" ($router.resources | default dict) | toString }}
{{- if not (regexMatch "^[1-9][0-9]*(Mi|Gi)$" $memory) }}
{{- fail (printf "router.resources.limits.memory is %s: write it in whole Mi or Gi, such as 512Mi; what Envoy may hold follows from it" $memory) }}
{{- end }}
{{- if eq (int $router.service.port) (int $router.telemetry.port) }}
{{- fail (printf "router.service.port and router.telemetry.port are both %d: the pod listens on both" (int $router.service.port)) }}
{{- end }}
{{- if and (include "readpool.eds.isMutual" .) (not (include "readpool.router.clientSecretName" .)) }}
{{- fail "controller.eds.tls.clientCA.enabled: the router has no certificate to show to the controllers; name a Secret with tls.crt and tls.key in router.edsClientSecretName" }}
{{- end }}
{{- end }}
