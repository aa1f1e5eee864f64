{{/*
The sidecar, an entry of initContainers: with restartPolicy Always it starts before the application and is stopped after it,
and no Job waits for it.
*/}}
{{- define "session-keepalive-sidecar.container" -}}
{{- $values := index .Values "session-keepalive-sidecar" -}}
{{- $image := $values.image -}}
- name: session-keepalive
  {{- if $image.digest }}
  image: {{ printf "%s@%s" $image.repository $image.digest | quote }}
  {{- else }}
  image: {{ printf "%s:%s" $image.repository ($image.tag | default (index .Subcharts "session-keepalive-sidecar").Chart.AppVersion) | quote }}
  {{- end }}
  {{- with $image.pullPolicy }}
  imagePullPolicy: {{ . }}
  {{- end }}
  restartPolicy: Always
  env:
    - name: SESSION_KEEPALIVE_REGION
      value: {{ $values.region | quote }}
    {{- if $values.clientId }}
    - name: SESSION_KEEPALIVE_SESSIONS__DEFAULT__TOKEN__MINT__CLIENT_ID
      value: {{ $values.clientId | quote }}
    # A file, never a variable: it is read anew for each token, so a replaced secret is used at once.
    - name: SESSION_KEEPALIVE_SESSIONS__DEFAULT__TOKEN__MINT__CLIENT_SECRET__FILE
      value: /var/run/genesys-client/secret
    - name: SESSION_KEEPALIVE_SESSIONS__DEFAULT__SINK__FILE
      value: {{ printf "/var/run/genesys/%s" $values.tokenFile | quote }}
    # Its group is fsGroup, in which the application is as well.
    - name: SESSION_KEEPALIVE_SESSIONS__DEFAULT__SINK__MODE
      value: "0640"
    {{- else }}
    - name: SESSION_KEEPALIVE_TOKEN_FILE
      value: {{ printf "/var/run/genesys/%s" $values.tokenFile | quote }}
    {{- end }}
    - name: SESSION_KEEPALIVE_SHUTDOWN__GRACE
      value: {{ $values.shutdownGrace | quote }}
    - name: SESSION_KEEPALIVE_LOG__FORMAT
      value: json
    {{- if eq $values.onShutdown "leave" }}
    - name: SESSION_KEEPALIVE_DEFAULTS__ON_SHUTDOWN
      value: leave
    {{- end }}
    {{- with $values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  # Asked through a Unix socket that only this container has, so nothing listens in the network.
  # Until it answers, the application is not started; it need not hold a token for that.
  startupProbe:
    exec:
      command: [/session-keepalive, health]
    periodSeconds: 1
    timeoutSeconds: 5
    failureThreshold: 30
  {{- if $values.readiness }}
  readinessProbe:
    exec:
      command: [/session-keepalive, health, --ready]
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 2
  {{- end }}
  {{- if eq $values.onShutdown "leave" }}
  # Only where tokens are left: what a probe ends gets SIGTERM, and SIGTERM would revoke.
  livenessProbe:
    exec:
      command: [/session-keepalive, health]
    periodSeconds: 20
    timeoutSeconds: 5
    failureThreshold: 6
  {{- end }}
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  securityContext:
    runAsNonRoot: true
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
    seccompProfile:
      type: RuntimeDefault
  volumeMounts:
    # A folder, never a subPath: the kubelet does not update that.
    - name: {{ $values.tokenVolume }}
      mountPath: /var/run/genesys
      readOnly: {{ empty $values.clientId }}
    {{- if $values.clientId }}
    # Of the sidecar alone: the application never sees the secret.
    - name: genesys-client
      mountPath: /var/run/genesys-client
      readOnly: true
    {{- end }}
    - name: session-keepalive-run
      mountPath: /run/session-keepalive
{{- end -}}

{{/* Entries of volumes: the place of the sidecar's socket, and the secret of its OAuth client if it has one. */}}
{{- define "session-keepalive-sidecar.volume" -}}
{{- $values := index .Values "session-keepalive-sidecar" -}}
- name: session-keepalive-run
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- if $values.clientId }}
- name: genesys-client
  secret:
    secretName: {{ $values.clientSecret }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/*
The pod's dnsConfig. The name of the API is complete as it is. With Kubernetes' ndots:5 it would be looked for in every
search domain first, and one that does not answer well would hide it.
*/}}
{{- define "session-keepalive-sidecar.dnsConfig" -}}
options:
  - name: ndots
    value: "1"
{{- end -}}
