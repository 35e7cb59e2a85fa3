{{/* What every program of the chart takes from its values alike. Each template writes whole fields, at the depth where they belong, or nothing. */}}

{{/* Annotations of an object: its own, and commonAnnotations. `with (dict "root" $ "own" MAP)`. */}}
{{- define "readpool.annotations" -}}
{{- with merge (deepCopy (.own | default dict)) (.root.Values.commonAnnotations | default dict) }}
{{- toYaml (dict "annotations" .) | nindent 2 }}
{{- end }}
{{- end }}

{{/* An image: `with (dict "root" $ "image" .Values.image "tag" "OF NONE IS GIVEN")`. A registry takes the place of the one in the repository. */}}
{{- define "readpool.imageReference" -}}
{{- $repository := .image.repository }}
{{- with (.root.Values.global).imageRegistry | default .image.registry }}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^(localhost|[^/]*[.:][^/]*)/" $repository "") }}
{{- end }}
{{- $repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .tag }}{{ end }}
{{- end }}

{{- define "readpool.image" -}}
{{- include "readpool.imageReference" (dict "root" . "image" .Values.image "tag" .Chart.AppVersion) }}
{{- end }}

{{/* The Envoy of gates and routers; empty for none. A string is a whole reference. */}}
{{- define "readpool.gateImage" -}}
{{- $image := (.Values.gate).image }}
{{- if kindIs "string" $image }}
{{- $image }}
{{- else if and $image $image.repository }}
{{- if not (or $image.tag $image.digest) }}
{{- fail "gate.image: set its tag or its digest" }}
{{- end }}
{{- include "readpool.imageReference" (dict "root" . "image" $image "tag" "") }}
{{- end }}
{{- end }}

{{/* As YAML at the margin, since the pods of `helm test` have them at another depth. */}}
{{- define "readpool.pullSecrets" -}}
{{- with uniq (concat ((.Values.global).imagePullSecrets | default list) (.Values.imagePullSecrets | default list)) }}
{{- toYaml (dict "imagePullSecrets" .) }}
{{- end }}
{{- end }}

{{/* Where pods run: labels of nodes are merged, of the others a program's own replaces the global one. At the margin too. */}}
{{- define "readpool.placement" -}}
{{- $global := .root.Values.global | default dict }}
{{- $fields := dict }}
{{- with merge (deepCopy (.of.nodeSelector | default dict)) ($global.nodeSelector | default dict) }}{{ $_ := set $fields "nodeSelector" . }}{{ end }}
{{- with .of.tolerations | default $global.tolerations }}{{ $_ := set $fields "tolerations" . }}{{ end }}
{{- with .of.affinity | default $global.affinity }}{{ $_ := set $fields "affinity" . }}{{ end }}
{{- with .of.priorityClassName | default $global.priorityClassName }}{{ $_ := set $fields "priorityClassName" . }}{{ end }}
{{- with $fields }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* Of a Deployment's spec: `with (dict "of" .Values.scaler "strategy" DEFAULT)`. */}}
{{- define "readpool.rollout" -}}
{{- $fields := dict "strategy" (.of.strategy | default .strategy) }}
{{- if not (kindIs "invalid" .of.revisionHistoryLimit) }}{{ $_ := set $fields "revisionHistoryLimit" (int .of.revisionHistoryLimit) }}{{ end }}
{{- toYaml $fields | nindent 2 }}
{{- end }}

{{/* Of a pod's spec: `with (dict "root" $ "of" .Values.scaler)`. */}}
{{- define "readpool.podSettings" -}}
{{- with include "readpool.pullSecrets" .root }}
{{- . | nindent 6 }}
{{- end }}
{{- $fields := dict "securityContext" .of.podSecurityContext }}
{{- with .of.dnsPolicy }}{{ $_ := set $fields "dnsPolicy" . }}{{ end }}
{{- with .of.dnsConfig }}{{ $_ := set $fields "dnsConfig" . }}{{ end }}
{{- with .of.hostAliases }}{{ $_ := set $fields "hostAliases" . }}{{ end }}
{{- toYaml $fields | nindent 6 }}
{{- with .of.initContainers }}
      initContainers:
{{- include "readpool.containers" (dict "of" $.of "containers" .) }}
{{- end }}
{{- end }}

{{/* Containers of the user's, as confined as ours unless they say otherwise. */}}
{{- define "readpool.containers" -}}
{{- $confined := dict "securityContext" .of.containerSecurityContext }}
{{- range .containers }}
{{- toYaml (list (hasKey . "securityContext" | ternary . (merge (deepCopy .) $confined))) | nindent 8 }}
{{- end }}
{{- end }}

{{/* Of a container: `with (dict "of" .Values.scaler "env" OWN)`. */}}
{{- define "readpool.environment" -}}
{{- with concat .env (.of.extraEnv | default list) }}
{{- toYaml (dict "env" .) | nindent 10 }}
{{- end }}
{{- with .of.envFrom }}
{{- toYaml (dict "envFrom" .) | nindent 10 }}
{{- end }}
{{- end }}

{{/* Of a container: `with (dict "of" .Values.scaler "startup" P "readiness" P "liveness" P "fallback" HANDLER)`. What a user sets is laid over P; one that has no P appears where it is set. */}}
{{- define "readpool.probes" -}}
{{- range $name := list "startup" "readiness" "liveness" }}
{{- $set := get $.of (printf "%sProbe" $name) | default dict }}
{{- $ours := get $ $name | default dict }}
{{- if or $set $ours }}
{{- $probe := merge (deepCopy $set) (omit $ours "httpGet") }}
{{- if not (or $set.httpGet $set.exec $set.tcpSocket $set.grpc) }}
{{- $probe = merge $probe (hasKey $ours "httpGet" | ternary (pick $ours "httpGet") $.fallback) }}
{{- end }}
{{- toYaml (dict (printf "%sProbe" $name) $probe) | nindent 10 }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the schema cannot say: `with (dict "of" .Values.scaler "name" "scaler" "env" NAMES "volumes" NAMES)`, what the chart has itself. */}}
{{- define "readpool.checkKnobs" -}}
{{- if and (eq (.of.dnsPolicy | default "") "None") (not (.of.dnsConfig | default dict).nameservers) }}
{{- fail (printf "%s.dnsPolicy is None: name servers in %s.dnsConfig.nameservers" .name .name) }}
{{- end }}
{{- $lists := dict "extraEnv" .env "extraVolumes" .volumes "extraContainers" (list .name) "initContainers" (list .name) }}
{{- range $list, $taken := $lists }}
{{- range get $.of $list | default list }}
{{- if has .name $taken }}
{{- fail (printf "%s.%s: the chart has one named %s already, or it is there twice; choose another name" $.name $list .name) }}
{{- end }}
{{- $taken = append $taken .name }}
{{- end }}
{{- end }}
{{- end }}
