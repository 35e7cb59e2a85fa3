{{/* Who issues certificates, which ones, and in which Secrets they are. */}}

{{/* "true" where gRPC is served with TLS alone. */}}
{{- define "readpool.tls.isOn" -}}
{{- if ne .Values.tls.mode "off" }}true{{ end }}
{{- end }}

{{/* "true" where the installation has its certificates made: by its own program, or by cert-manager. */}}
{{- define "readpool.tls.isManaged" -}}
{{- if has .Values.tls.mode (list "auto" "certManager") }}true{{ end }}
{{- end }}

{{/* "true" where callers of the scaler have to show a certificate. */}}
{{- define "readpool.tls.isMutual" -}}
{{- if include "readpool.tls.isManaged" . }}true
{{- else if and (include "readpool.tls.isOn" .) .Values.scaler.tls.clientCA.enabled }}true{{ end }}
{{- end }}

{{/* "true" where endpoint discovery is served with TLS alone. */}}
{{- define "readpool.eds.hasTls" -}}
{{- $tls := .Values.controller.eds.tls }}
{{- if and (include "readpool.controller.servesEds" .) (include "readpool.tls.isOn" .) }}
{{- if eq (toString $tls.enabled) "true" }}true
{{- else if eq (toString $tls.enabled) "auto" }}
{{- if or (include "readpool.tls.isManaged" .) $tls.secretName }}true{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "readpool.eds.tlsSecretName" -}}
{{- if include "readpool.tls.isManaged" . }}{{ include "readpool.controller.fullname" . }}-eds-tls{{ else }}{{ .Values.controller.eds.tls.secretName }}{{ end }}
{{- end }}

{{/* "true" where Envoys have to show a certificate. */}}
{{- define "readpool.eds.isMutual" -}}
{{- if include "readpool.eds.hasTls" . }}
{{- if or (include "readpool.tls.isManaged" .) .Values.controller.eds.tls.clientCA.enabled }}true{{ end }}
{{- end }}
{{- end }}

{{/* The Secret with the key of the installation's own authority. */}}
{{- define "readpool.tls.authoritySecretName" -}}
{{ include "readpool.fullname" . }}-ca
{{- end }}

{{/* A name that is one on the whole cluster: of the ClusterTriggerAuthentication, and of its Secret in KEDA's namespace. */}}
{{- define "readpool.keda.name" -}}
{{ .Release.Namespace }}.{{ include "readpool.scaler.fullname" . }}
{{- end }}

{{/* The ClusterTriggerAuthentication by which KEDA trusts the scaler; empty without TLS. */}}
{{- define "readpool.keda.authentication" -}}
{{- if include "readpool.tls.isManaged" . }}
{{- .Values.controller.scalerAuthentication | default (include "readpool.keda.name" .) }}
{{- else if include "readpool.tls.isOn" . }}
{{- .Values.controller.scalerAuthentication }}
{{- end }}
{{- end }}

{{/* What the cluster lacks for KEDA's side to be made: "kinds", "namespace" or nothing. `helm template` asks no cluster, and takes it as there. */}}
{{- define "readpool.keda.lacks" -}}
{{- if lookup "v1" "Namespace" "" "kube-system" }}
{{- if not (.Capabilities.APIVersions.Has "keda.sh/v1alpha1/ClusterTriggerAuthentication") }}kinds
{{- else if not (lookup "v1" "Namespace" "" .Values.keda.namespace) }}namespace
{{- end }}
{{- end }}
{{- end }}

{{/* "true" where the installation makes KEDA's side. */}}
{{- define "readpool.keda.isSetUp" -}}
{{- if include "readpool.tls.isManaged" . }}
{{- if eq (toString .Values.keda.setUp) "true" }}true
{{- else if and (eq (toString .Values.keda.setUp) "auto") (not (include "readpool.keda.lacks" . | trim)) }}true
{{- end }}
{{- end }}
{{- end }}

{{/* "true" where `readpool certificates` runs: cert-manager issues into no other namespace, so KEDA's is copied there. */}}
{{- define "readpool.certificates.isRun" -}}
{{- if eq .Values.tls.mode "auto" }}true
{{- else if and (eq .Values.tls.mode "certManager") (include "readpool.keda.isSetUp" .) }}true
{{- end }}
{{- end }}

{{/* The certificates of the release's namespace, as a list of {secret, names, isServer}: who calls is let in by these names alone. */}}
{{- define "readpool.tls.leaves" -}}
{{- $scaler := include "readpool.scaler.fullname" . }}
{{- $controller := include "readpool.controller.fullname" . }}
{{- $eds := include "readpool.controller.edsServiceName" . }}
{{- $namespace := .Release.Namespace }}
{{- $domain := .Values.scaler.clusterDomain }}
- secret: {{ $scaler }}-tls
  isServer: true
  # Every form in which a ScaledObject may write the address.
  names: [{{ $scaler }}, {{ $scaler }}.{{ $namespace }}, {{ $scaler }}.{{ $namespace }}.svc, {{ $scaler }}.{{ $namespace }}.svc.{{ $domain }}]
- secret: {{ $scaler }}-client-tls
  isServer: false
  names: [{{ include "readpool.tls.checkerName" . }}]
{{- if .Values.controller.enabled }}
- secret: {{ $controller }}-client-tls
  isServer: false
  names: [{{ include "readpool.tls.controllerName" . }}]
{{- end }}
{{- if include "readpool.eds.hasTls" . }}
- secret: {{ $controller }}-eds-tls
  isServer: true
  names: [{{ $eds }}, {{ $eds }}.{{ $namespace }}, {{ $eds }}.{{ $namespace }}.svc, {{ $eds }}.{{ $namespace }}.svc.{{ $domain }}]
- secret: {{ include "readpool.router.fullname" . }}-client-tls
  isServer: false
  names: [{{ include "readpool.tls.routerName" . }}]
{{- end }}
{{- end }}

{{/* cert-manager's certificate for KEDA, before it is copied. */}}
{{- define "readpool.keda.sourceSecretName" -}}
{{ include "readpool.fullname" . }}-keda-tls
{{- end }}

{{- define "readpool.tls.checkerName" -}}
{{ include "readpool.scaler.fullname" . }}-client.{{ .Release.Namespace }}
{{- end }}

{{- define "readpool.tls.controllerName" -}}
{{ include "readpool.controller.fullname" . }}.{{ .Release.Namespace }}
{{- end }}

{{- define "readpool.tls.routerName" -}}
{{ include "readpool.router.fullname" . }}.{{ .Release.Namespace }}
{{- end }}

{{- define "readpool.tls.kedaName" -}}
{{ include "readpool.fullname" . }}-keda.{{ .Release.Namespace }}
{{- end }}

{{/* The issuer of all of them: yours, or that of the authority which cert-manager makes for the installation. */}}
{{- define "readpool.tls.issuerRef" -}}
{{- if .Values.tls.certManager.issuerRef }}
{{- toYaml .Values.tls.certManager.issuerRef }}
{{- else -}}
{name: {{ include "readpool.fullname" . }}-ca, kind: Issuer}
{{- end }}
{{- end }}

{{/* What the schema cannot say: values that need each other. */}}
{{- define "readpool.tls.checkValues" -}}
{{- $scaler := .Values.scaler.tls }}
{{- $eds := .Values.controller.eds.tls }}
{{- if ne .Values.tls.mode "secret" }}
{{- $given := dict "scaler.tls.secretName" $scaler.secretName "scaler.tls.clientCA.secretName" $scaler.clientCA.secretName "scaler.tls.testClientSecretName" $scaler.testClientSecretName }}
{{- $given = merge $given (dict "controller.tls.clientSecretName" .Values.controller.tls.clientSecretName "controller.eds.tls.secretName" $eds.secretName) }}
{{- $given = merge $given (dict "controller.eds.tls.clientCA.secretName" $eds.clientCA.secretName "router.edsClientSecretName" .Values.router.edsClientSecretName) }}
{{- range $path, $value := $given }}
{{- if $value }}
{{- fail (printf "%s is %s, and Secrets of your own need tls.mode=secret; tls.mode is %s" $path $value $.Values.tls.mode) }}
{{- end }}
{{- end }}
{{- range $path, $value := dict "scaler.tls.clientCA.enabled" $scaler.clientCA.enabled "controller.eds.tls.clientCA.enabled" $eds.clientCA.enabled }}
{{- if and $value (eq $.Values.tls.mode "off") }}
{{- fail (printf "%s needs tls.mode auto, certManager or secret; it is off" $path) }}
{{- end }}
{{- end }}
{{- else if not $scaler.secretName }}
{{- fail "tls.mode=secret: name a Secret with tls.crt and tls.key in scaler.tls.secretName" }}
{{- end }}
{{- if and (eq (toString $eds.enabled) "true") (eq .Values.tls.mode "off") }}
{{- fail "controller.eds.tls.enabled needs tls.mode auto, certManager or secret; it is off" }}
{{- end }}
{{- end }}
