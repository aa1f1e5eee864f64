{{- define "session-keepalive.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "session-keepalive.selector" -}}
app.kubernetes.io/name: session-keepalive
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "session-keepalive.labels" -}}
{{ include "session-keepalive.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "session-keepalive.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- $image.repository }}@{{ $image.digest -}}
{{- else -}}
{{- $image.repository }}:{{ $image.tag | default .Chart.AppVersion -}}
{{- end -}}
{{- end -}}

{{/* Whether several daemons divide the tokens; empty if not. */}}
{{- define "session-keepalive.sharded" -}}
{{- if gt (int .Values.shards.count) 1 }}yes{{ end -}}
{{- end -}}

{{- define "session-keepalive.config" -}}
region = {{ .Values.region | toJson }}

[pools.{{ .Values.pool.name | toJson }}]
token_dir = "/var/run/genesys"
{{- if not (include "session-keepalive.sharded" .) }}
# The Secret outlives the pod, and the pod that replaces it finds the same tokens.
on_shutdown = "leave"
{{- end }}
{{- with .Values.pool.settings }}
{{ trim . }}
{{- end }}
{{- if include "session-keepalive.sharded" . }}

# Tokens are left when a pod stops: that is the default here.
[shard]
count = {{ int .Values.shards.count }}
copies = {{ int .Values.shards.copies }}
{{- end }}

[shutdown]
grace = {{ .Values.shutdownGrace | toJson }}

[status]
# Beside the kubelet, only the monitoring gets here, by the NetworkPolicy.
listen = "0.0.0.0:9464"

[log]
format = "json"
{{- with .Values.extraConfig }}

{{ trim . }}
{{- end }}
{{- end -}}
