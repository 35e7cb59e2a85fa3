{{/* Envoy's bootstrap for the router, as examples/envoy-eds.yaml explains it: a cluster for each pool, told by the controllers. */}}

{{- define "readpool.router.config" -}}
admin:
  # An abstract socket: there is no port for it.
  address: {pipe: {path: "@readpool-router-admin"}}
static_resources:
  listeners:
    - name: readers
      address: {socket_address: {address: "::", ipv4_compat: true, port_value: {{ int .Values.router.service.port }}}}
      # SO_SNDBUF and SO_RCVBUF, which count as the container's memory, and TCP_USER_TIMEOUT, for who takes nothing of an answer.
      socket_options:
        - {level: 1, name: 7, int_value: 32768}
        - {level: 1, name: 8, int_value: 32768}
        - {level: 6, name: 18, int_value: 5000}
      # Twice what a query has: it is kept, to be asked again, while it is on its way.
      per_connection_buffer_limit_bytes: 131072
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                {{- include "readpool.router.readers" . | nindent 16 }}
    - name: telemetry
      address: {socket_address: {address: "::", ipv4_compat: true, port_value: {{ int .Values.router.telemetry.port }}}}
      # Whatever readers do, the kubelet is answered.
      ignore_global_conn_limit: true
      bypass_overload_manager: true
      # As above: who takes nothing of its metrics gives up a place.
      socket_options:
        - {level: 1, name: 7, int_value: 32768}
        - {level: 1, name: 8, int_value: 32768}
        - {level: 6, name: 18, int_value: 5000}
      per_connection_buffer_limit_bytes: {{ include "readpool.router.mostBodyBytes" . }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                {{- include "readpool.router.telemetry" . | nindent 16 }}
  clusters:
    {{- range .Values.router.pools }}
    - name: {{ .namespace }}/{{ .name }}
      {{- include "readpool.router.pool" . | nindent 6 }}
    {{- end }}
    - name: controllers
      {{- include "readpool.router.controllers" . | nindent 6 }}
    - name: admin
      type: STATIC
      load_assignment:
        cluster_name: admin
        endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: "@readpool-router-admin"}}}}]}]
# Envoy's own watch over its threads, in place of a liveness probe: while no controller answers it is not ready, and waits.
watchdogs:
  main_thread_watchdog: {kill_timeout: 60s}
  worker_watchdog: {kill_timeout: 60s}
overload_manager:
  resource_monitors:
    - name: envoy.resource_monitors.global_downstream_max_connections
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
        max_active_downstream_connections: 4096
    - name: envoy.resource_monitors.fixed_heap
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig
        max_heap_size_bytes: {{ include "readpool.router.mostHeapBytes" . }}
  actions:
    - name: envoy.overload_actions.stop_accepting_requests
      triggers: [{name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.95}}]
layered_runtime:
  layers:
    - name: static
      static_layer: {envoy.resource_limits.listener.telemetry.connection_limit: 512}
{{- end }}

{{/* What a gate takes of a query (controller/gate/gate_listeners.py). */}}
{{- define "readpool.router.mostBodyBytes" -}}65536{{- end }}

{{/* Three quarters of the container's memory: what Envoy holds beside its heap has to fit in as well. */}}
{{- define "readpool.router.mostHeapBytes" -}}
{{- $limit := dig "limits" "memory" "512Mi" (.Values.router.resources | default dict) | toString -}}
{{- $mebibytes := 512 -}}
{{- if regexMatch "^[0-9]+Mi$" $limit }}{{ $mebibytes = trimSuffix "Mi" $limit | int }}{{ end -}}
{{- if regexMatch "^[0-9]+Gi$" $limit }}{{ $mebibytes = trimSuffix "Gi" $limit | int | mul 1024 }}{{ end -}}
{{- mul $mebibytes 786432 -}}
{{- end }}

{{/* Where readers come in. */}}
{{- define "readpool.router.readers" -}}
"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
stat_prefix: readers
# HTTP/2 has any number of bodies to a connection, and nothing bounds those of all connections together.
codec_type: HTTP1
use_remote_address: true
server_header_transformation: PASS_THROUGH
generate_request_id: false
strip_any_host_port: true
request_headers_timeout: 5s
request_timeout: 10s
stream_idle_timeout: {{ add (int .Values.router.timeoutSeconds) 5 }}s
max_request_headers_kb: 8
common_http_protocol_options:
  # Who says nothing for so long gives up his place.
  idle_timeout: 10s
  max_headers_count: 64
  headers_with_underscores_action: REJECT_REQUEST
  # Kept connections end by an answer that says so, so that one which is about to end has none left.
  max_connection_duration: 10s
http1_safe_max_connection_duration: true
route_config:
  virtual_hosts:
    {{- $root := . }}
    {{- $isAlone := eq (len .Values.router.pools) 1 }}
    {{- range .Values.router.pools }}
    {{- $host := printf "%s.%s" .name .namespace }}
    - name: {{ .namespace }}/{{ .name }}
      {{- if $isAlone }}
      domains: ["*"]
      {{- else }}
      domains: [{{ $host }}, {{ $host }}.svc, {{ $host }}.svc.{{ $root.Values.scaler.clusterDomain }}]
      {{- end }}
      routes:
        - match: {prefix: /}
          route:
            cluster: {{ .namespace }}/{{ .name }}
            timeout: {{ int $root.Values.router.timeoutSeconds }}s
            # A query changes nothing, so it is asked again, of another replica, where one fails or is silent.
            retry_policy:
              retry_on: 5xx,reset,connect-failure,refused-stream
              num_retries: 2
              # Of a silent one; the first try goes on (hedge_policy), and the first answer of either counts.
              per_try_timeout: 1s
              # A try that waits for its turn takes from the budget.
              retry_back_off: {base_interval: 0.01s, max_interval: 0.1s}
              # Draws until one is found that has not been asked: by weight, so that a light one beside a heavy one takes many.
              host_selection_retry_max_attempts: 1000
              retry_host_predicate:
                - name: envoy.retry_host_predicates.previous_hosts
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate
            hedge_policy: {hedge_on_per_try_timeout: true}
    {{- end }}
    {{- if not $isAlone }}
    - name: none
      domains: ["*"]
      routes:
        - match: {prefix: /}
          direct_response:
            status: 404
            body: {inline_string: "No such pool here: the Host has to be NAME.NAMESPACE of one that the router leads to.\n"}
    {{- end }}
http_filters:
  # Up to 25.2.2 Core ends by a Content-Length that is no int of 32 bits: without a gate nothing else is before it.
  - name: envoy.filters.http.rbac
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
      rules:
        action: DENY
        policies:
          lengths:
            permissions: [{header: {name: content-length, string_match: {safe_regex: {regex: "[0-9]{1,6}"}}, invert_match: true}}]
            principals: [{any: true}]
  # A body is taken in whole before a replica sees any of it, so that who sends slowly holds none.
  - name: envoy.filters.http.buffer
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
      max_request_bytes: {{ include "readpool.router.mostBodyBytes" . }}
  - name: envoy.filters.http.router
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
      suppress_envoy_headers: true
{{- end }}

{{/* Metrics, readiness, and a wait for a pod that is to end: images of Envoy have no shell to sleep in. */}}
{{- define "readpool.router.telemetry" -}}
"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
stat_prefix: telemetry
codec_type: HTTP1
generate_request_id: false
request_headers_timeout: 5s
request_timeout: {{ add (int .Values.router.drainSeconds) 10 }}s
stream_idle_timeout: {{ add (int .Values.router.drainSeconds) 10 }}s
max_request_headers_kb: 8
common_http_protocol_options: {idle_timeout: 10s, max_headers_count: 64}
route_config:
  virtual_hosts:
    - name: telemetry
      domains: ["*"]
      routes:
        {{- range $path, $asked := dict "/metrics" "/stats/prometheus" "/ready" "/ready" }}
        - match: {path: {{ $path }}, headers: [{name: ":method", string_match: {exact: GET}}]}
          route: {cluster: admin, timeout: 5s, prefix_rewrite: {{ $asked }}}
        {{- end }}
        - match: {path: /drain}
          direct_response: {status: 200, body: {inline_string: "Drained.\n"}}
          typed_per_filter_config:
            envoy.filters.http.fault:
              "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
              delay: {fixed_delay: {{ int .Values.router.drainSeconds }}s, percentage: {numerator: 100}}
        - match: {prefix: /}
          direct_response: {status: 404, body: {inline_string: "This port answers /metrics, /ready and /drain.\n"}}
http_filters:
  - name: envoy.filters.http.fault
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
  - name: envoy.filters.http.router
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
{{- end }}

{{/* The replicas of a pool. */}}
{{- define "readpool.router.pool" -}}
type: EDS
connect_timeout: 1s
# An answer that its reader does not take stays with the replica.
per_connection_buffer_limit_bytes: 65536
upstream_bind_config:
  socket_options:
    - {level: 1, name: 7, int_value: 32768}
    - {level: 1, name: 8, int_value: 32768}
lb_policy: ROUND_ROBIN # by weights, exactly
eds_cluster_config:
  service_name: {{ .namespace }}/{{ .name }}
  eds_config:
    resource_api_version: V3
    # It is not ready before it has been told.
    initial_fetch_timeout: 0s
    api_config_source:
      api_type: DELTA_GRPC
      transport_api_version: V3
      grpc_services:
        - envoy_grpc:
            cluster_name: controllers
            # Otherwise it pauses for up to 30 s, while controllers are back already.
            retry_policy: {retry_back_off: {base_interval: 0.5s, max_interval: 5s}}
common_lb_config:
  update_merge_window: 0s
track_cluster_stats: {per_endpoint_stats: true}
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      http_protocol_options:
        # Without a gate Core itself is asked, whose query server reads Content-Length in this spelling alone.
        header_key_format: {proper_case_words: {}}
circuit_breakers:
  thresholds:
    - max_connections: 4096
      max_pending_requests: 4096
      max_requests: 4096
      # Queries that are asked again at once: so many, or a tenth of all that are under way where that is more. Where all
      # replicas are slow, the rest wait for the first answer.
      retry_budget: {budget_percent: {value: 10}, min_retry_concurrency: 64}
{{- end }}

{{/* The controllers, which tell the endpoints. */}}
{{- define "readpool.router.controllers" -}}
{{- $name := include "readpool.controller.edsServiceName" . }}
{{- $host := printf "%s.%s.svc" $name .Release.Namespace -}}
type: STRICT_DNS
connect_timeout: 1s
load_assignment:
  cluster_name: controllers
  endpoints:
    - lb_endpoints:
        - endpoint: {address: {socket_address: {address: {{ $host }}, port_value: {{ int .Values.controller.eds.port }}}}}
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      http2_protocol_options:
        # Finds a controller that went without a word, and turns to another.
        connection_keepalive: {interval: 10s, timeout: 5s}
{{- if include "readpool.eds.hasTls" . }}
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: {{ $host }}
    common_tls_context:
      alpn_protocols: [h2]
      {{- if include "readpool.router.clientSecretName" . }}
      tls_certificate_sds_secret_configs:
        - {name: client, sds_config: {path_config_source: {path: /etc/envoy/client.yaml}}}
      {{- end }}
      validation_context_sds_secret_config: {name: authority, sds_config: {path_config_source: {path: /etc/envoy/authority.yaml}}}
{{- end }}
{{- end }}

{{/* Certificates, as Envoy reads them again when the mounted Secrets change. */}}
{{- define "readpool.router.authority" -}}
{{- $name := printf "%s.%s" (include "readpool.controller.edsServiceName" .) .Release.Namespace -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: authority
    validation_context:
      trusted_ca: {filename: /eds-ca/ca.crt}
      watched_directory: {path: /eds-ca}
      match_typed_subject_alt_names:
        {{- range list $name (printf "%s.svc" $name) (printf "%s.svc.%s" $name .Values.scaler.clusterDomain) }}
        - {san_type: DNS, matcher: {exact: {{ . }}}}
        {{- end }}
{{- end }}

{{- define "readpool.router.client" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: client
    tls_certificate:
      certificate_chain: {filename: /eds-client/tls.crt}
      private_key: {filename: /eds-client/tls.key}
      watched_directory: {path: /eds-client}
{{- end }}
