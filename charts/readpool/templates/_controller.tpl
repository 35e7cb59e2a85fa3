{{/* What the controller's templates share: its names and labels, its rights, and how it gets to the scaler. */}}

{{- define "readpool.controller.fullname" -}}
{{ include "readpool.fullname" . }}-controller
{{- end }}

{{- define "readpool.controller.selectorLabels" -}}
{{ include "readpool.selectorLabels" . }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "readpool.controller.labels" -}}
{{ include "readpool.labels" . }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "readpool.controller.testSelectorLabels" -}}
{{ include "readpool.selectorLabels" . }}
app.kubernetes.io/component: controller-test
{{- end }}

{{- define "readpool.controller.serviceAccountName" -}}
{{- $account := .Values.controller.serviceAccount }}
{{- if $account.create }}
{{- default (include "readpool.controller.fullname" .) $account.name }}
{{- else }}
{{- $account.name }}
{{- end }}
{{- end }}

{{/* For `helm test`: the one address of all that are ready. */}}
{{- define "readpool.controller.url" -}}
http://{{ include "readpool.controller.fullname" . }}.{{ .Release.Namespace }}:{{ int .Values.controller.telemetry.port }}/readyz
{{- end }}

{{/* The Secret with the certificate that the controller shows to the scaler; empty where none is demanded. */}}
{{- define "readpool.controller.clientSecretName" -}}
{{- if include "readpool.tls.isManaged" . }}
{{- include "readpool.controller.fullname" . }}-client-tls
{{- else if include "readpool.tls.isMutual" . }}
{{- .Values.controller.tls.clientSecretName | default .Values.scaler.tls.testClientSecretName }}
{{- end }}
{{- end }}

{{/* "true" where endpoint discovery is served. */}}
{{- define "readpool.controller.servesEds" -}}
{{- if or .Values.controller.eds.enabled .Values.router.enabled }}true{{ end }}
{{- end }}

{{/* "true" where there is a NetworkPolicy. By itself only where all who subscribe are known: our routers. */}}
{{- define "readpool.controller.hasPolicy" -}}
{{- $wanted := .Values.controller.networkPolicy.enabled }}
{{- if eq (toString $wanted) "auto" }}
{{- if and .Values.router.enabled (not .Values.controller.eds.enabled) }}true{{ end }}
{{- else if $wanted }}true{{ end }}
{{- end }}

{{/* What lets the controller reach the scalers. */}}
{{- define "readpool.controller.scalerEgress" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "readpool.scaler.selectorLabels" . | nindent 10 }}
  ports:
    - {port: grpc, protocol: TCP}
{{- end }}

{{/* Where Envoys subscribe. */}}
{{- define "readpool.controller.edsServiceName" -}}
{{ include "readpool.controller.fullname" . }}-eds
{{- end }}

{{/* The Secret with the authority of the Envoys; empty where no certificate is demanded of them. */}}
{{- define "readpool.controller.edsClientCASecretName" -}}
{{- if include "readpool.eds.isMutual" . }}
{{- .Values.controller.eds.tls.clientCA.secretName | default (include "readpool.eds.tlsSecretName" .) }}
{{- end }}
{{- end }}

{{/* The names of Envoys that are let in, with commas between them. Empty for all. */}}
{{- define "readpool.controller.edsClientNames" -}}
{{- $names := list }}
{{- if include "readpool.tls.isManaged" . }}
{{- $names = list (include "readpool.tls.routerName" .) }}
{{- end }}
{{- join "," (concat $names .Values.controller.eds.tls.clientCA.names) }}
{{- end }}

{{/* What pools are made of, by what is done to it. Whoever applies needs create and patch; get tells whose a name is. */}}
{{- define "readpool.controller.ownRules" -}}
- apiGroups: [stellar.org]
  resources: [readonlypools]
  verbs: [list, watch, patch]
- apiGroups: [stellar.org]
  resources: [readonlypools/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch]
# Deleted are those of an HTTPRoute that is no longer asked for.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
# Annotations of replicas; a replica of an older version or configuration is deleted when its turn has come.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch, delete]
# Deleted where a replica is given up and gets a new volume.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [prometheusrules]
  verbs: [get, list, watch, create, patch, delete]
# Of fresh replicas' volumes, where storage.snapshots asks for them; the oldest go.
- apiGroups: [snapshot.storage.k8s.io]
  resources: [volumesnapshots]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* What the workloads of pools with workloadRef are made of: only seen, never written. KEDA scales them, by its own rights. */}}
{{- define "readpool.controller.workloadRules" -}}
- apiGroups: [apps]
  resources: [deployments, replicasets]
  verbs: [list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch]
{{- end }}

{{- define "readpool.controller.rules" -}}
{{ include "readpool.controller.ownRules" . }}
{{ include "readpool.controller.workloadRules" . }}
{{- with .Values.controller.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What the schema cannot say: values that need each other. */}}
{{- define "readpool.controller.checkValues" -}}
{{- if semverCompare "<1.29.0-0" .Capabilities.KubeVersion.Version }}
{{- fail "controller.enabled: ReadOnlyPool needs Kubernetes 1.29 or newer; set it to false for the scaler alone" }}
{{- end }}
{{- if and (not .Values.controller.serviceAccount.create) (not .Values.controller.serviceAccount.name) }}
{{- fail "controller.serviceAccount.create is false: name an account that exists in controller.serviceAccount.name" }}
{{- end }}
{{- if and (include "readpool.tls.isOn" .) (not (include "readpool.keda.authentication" .)) }}
{{- fail "tls.mode=secret: name in controller.scalerAuthentication the ClusterTriggerAuthentication by which KEDA trusts the scaler, for the ScaledObjects of pools; docs/chart.md shows one" }}
{{- end }}
{{- if and (include "readpool.tls.isMutual" .) (not (include "readpool.controller.clientSecretName" .)) }}
{{- fail "scaler.tls.clientCA.enabled: the controller has no certificate to show to the scaler; name a Secret with tls.crt and tls.key in controller.tls.clientSecretName" }}
{{- end }}
{{- $eds := .Values.controller.eds }}
{{- if and (eq (toString $eds.tls.enabled) "true") (eq .Values.tls.mode "secret") (not $eds.tls.secretName) }}
{{- fail "controller.eds.tls.enabled: name a Secret with tls.crt and tls.key in controller.eds.tls.secretName" }}
{{- end }}
{{- if and $eds.tls.clientCA.enabled (include "readpool.controller.servesEds" .) (not (include "readpool.eds.hasTls" .)) }}
{{- fail "controller.eds.tls.clientCA.enabled needs controller.eds.tls.enabled=true" }}
{{- end }}
{{- if and (include "readpool.controller.servesEds" .) (eq (int $eds.port) (int .Values.controller.telemetry.port)) }}
{{- fail (printf "controller.eds.port and controller.telemetry.port are both %d: the pod listens on both" (int $eds.port)) }}
{{- end }}
{{- end }}
