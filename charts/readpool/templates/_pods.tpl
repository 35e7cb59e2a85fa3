{{/* What the pods of all programs have alike; `with (dict "root" $ "of" .Values.scaler "selector" "NAME OF A TEMPLATE")`. */}}

{{- define "readpool.scheduling" -}}
{{- $root := .root }}
{{- $selector := .selector }}
{{- with .of.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - {{ toYaml . | indent 4 | trim }}
    labelSelector:
      matchLabels:
        {{- include $selector $root | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- with include "readpool.placement" . }}
{{ . }}
{{- end }}
{{- end }}

{{/* Roles of a release: its own namespace is in their names, since a cluster has its cluster-wide ones but once. */}}
{{- define "readpool.roleName" -}}
{{ .root.Release.Namespace }}:{{ include .fullname .root }}
{{- end }}

{{/* A ClusterRole and its binding, or where namespaces are named, a Role and its binding in each of them. */}}
{{- define "readpool.roles" -}}
{{- $name := include "readpool.roleName" . }}
{{- $labels := include .labels .root }}
{{- $subject := dict "kind" "ServiceAccount" "name" .account "namespace" .root.Release.Namespace }}
{{- $scope := ternary "Role" "ClusterRole" (not (empty .root.Values.controller.namespaces)) }}
{{- $rules := .rules }}
{{- range (.root.Values.controller.namespaces | default (list "")) }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $scope }}
metadata:
  name: {{ $name }}
  {{- with . }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- $labels | nindent 4 }}
  {{- include "readpool.annotations" (dict "root" $.root) }}
rules:
  {{- $rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $scope }}Binding
metadata:
  name: {{ $name }}
  {{- with . }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- $labels | nindent 4 }}
  {{- include "readpool.annotations" (dict "root" $.root) }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $scope }}
  name: {{ $name }}
subjects:
  - {{ toYaml $subject | nindent 4 | trim }}
{{- end }}
{{- end }}

{{/* Rules of what a program may reach: `with (dict "egress" .Values.scaler.networkPolicy.egress "also" "RULES")`. */}}
{{- define "readpool.egress" -}}
# DNS, also where its pods listen on another port than its Service.
- ports:
    {{- range list 53 5353 }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- with .egress.ports }}
- ports:
    {{- range . }}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- with .also }}
{{ . }}
{{- end }}
{{- with .egress.rules }}
{{ toYaml . }}
{{- end }}
{{- end }}
