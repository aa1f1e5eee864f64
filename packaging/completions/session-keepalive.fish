# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_session_keepalive_global_optspecs
    string join \n h/help V/version
end

function __fish_session_keepalive_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_session_keepalive_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_session_keepalive_using_subcommand
    set -l cmd (__fish_session_keepalive_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -s V -l version -d 'Print version'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "demo" -d 'Show what the daemon does, against a simulator, in about a minute'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "simulate" -d 'Serve a simulated organisation over HTTP, for testing'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "check" -d 'Validate the configuration and summarize its effect'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "plan" -d 'Predict the request schedule and the longest outage it survives'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "doctor" -d 'Diagnose the installation and suggest fixes'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "run" -d 'Run the daemon until a signal stops it'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "exec" -d 'Run the daemon and, once the tokens are proven alive, a command'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "status" -d 'Show the state of a running daemon\'s sessions'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "explain" -d 'Show the history of a session and the cause of its token\'s death'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "wait" -d 'Wait until the tokens are proven alive'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "health" -d 'Report the daemon\'s health: a probe for images without a shell'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "touch" -d 'Touch a session\'s token now'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "keep" -d 'Keep a session\'s token alive from now on'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "lapse" -d 'Let a session\'s token lapse from now on'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "reload" -d 'Reload the configuration of a running daemon'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "stop" -d 'Stop a running daemon and wait until it has exited'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "token" -d 'Show, touch or revoke a token'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "timeout" -d 'Show or change the organisation\'s idle timeout'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "user" -d 'Revoke all tokens of a user'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand demo" -l seconds -d 'The duration in seconds; below 30, some steps are not shown' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand demo" -l listen -d 'Serve the web page on this port of 127.0.0.1, or at this address' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand demo" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l listen -d 'The address to listen on' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l idle-timeout -d 'The idle timeout; 5m to 8h in the real service' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l token -d 'A token that exists from the start; repeatable. By default one is generated' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l lifetime -d 'The absolute lifetime of a token' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l client -d 'An OAuth client as ID:SECRET; repeatable. By default every client is accepted' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l mints-a-minute -d 'The number of tokens that the login host issues per minute; unlimited by default' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l exclude -d 'A touch that the organisation excludes from its inactivity timeout' -r -f -a "head\t'`HEAD /tokens/me`'
get\t'`GET /tokens/me`'"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l config -d 'The configuration file; /etc/session-keepalive/config.toml if it exists and no token is named' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l region -d 'The region of the organisation, such as eu-central-1' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l token-file -d 'A file that contains a token: defines a session named "default" without a configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l intent -d 'The intent of sessions that do not set their own: keep or lapse' -r -f -a "keep\t''
lapse\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l grace -d 'The time limit of revocations when the daemon stops, such as 10s' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l log-level -d 'The least severe level that is logged: error, warn, info, debug or trace' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l log-format -d 'The format of the log: auto, plain, json or journald' -r -f -a "auto\t''
plain\t''
json\t''
journald\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l status-listen -d 'The address that serves /livez, /readyz, /metrics, /status and the status page: a port of 127.0.0.1, or ADDRESS:PORT' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l status-socket -d 'The Unix socket that serves the same: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l names -d 'Print only the names of the sessions, one a line, with those of the files in pools'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l config -d 'The configuration file; /etc/session-keepalive/config.toml if it exists and no token is named' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l region -d 'The region of the organisation, such as eu-central-1' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l token-file -d 'A file that contains a token: defines a session named "default" without a configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l intent -d 'The intent of sessions that do not set their own: keep or lapse' -r -f -a "keep\t''
lapse\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l grace -d 'The time limit of revocations when the daemon stops, such as 10s' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l log-level -d 'The least severe level that is logged: error, warn, info, debug or trace' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l log-format -d 'The format of the log: auto, plain, json or journald' -r -f -a "auto\t''
plain\t''
json\t''
journald\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l status-listen -d 'The address that serves /livez, /readyz, /metrics, /status and the status page: a port of 127.0.0.1, or ADDRESS:PORT' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l status-socket -d 'The Unix socket that serves the same: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l idle-timeout -d 'The organisation\'s idle timeout, such as 20m: 1s to 8h' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l json -d 'Print one JSON object'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l config -d 'The configuration file; /etc/session-keepalive/config.toml if it exists and no token is named' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l region -d 'The region of the organisation, such as eu-central-1' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l token-file -d 'A file that contains a token: defines a session named "default" without a configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l intent -d 'The intent of sessions that do not set their own: keep or lapse' -r -f -a "keep\t''
lapse\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l grace -d 'The time limit of revocations when the daemon stops, such as 10s' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l log-level -d 'The least severe level that is logged: error, warn, info, debug or trace' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l log-format -d 'The format of the log: auto, plain, json or journald' -r -f -a "auto\t''
plain\t''
json\t''
journald\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l status-listen -d 'The address that serves /livez, /readyz, /metrics, /status and the status page: a port of 127.0.0.1, or ADDRESS:PORT' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l status-socket -d 'The Unix socket that serves the same: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l touch -d 'Touch kept tokens and verify that their idle timers are reset'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l mint -d 'Obtain a token with each OAuth client, check it and revoke it'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l as-root -d 'As root, read tokens and run token commands as root, even those of other users'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l json -d 'Print one JSON object'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l config -d 'The configuration file; /etc/session-keepalive/config.toml if it exists and no token is named' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l region -d 'The region of the organisation, such as eu-central-1' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l token-file -d 'A file that contains a token: defines a session named "default" without a configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l intent -d 'The intent of sessions that do not set their own: keep or lapse' -r -f -a "keep\t''
lapse\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l grace -d 'The time limit of revocations when the daemon stops, such as 10s' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l log-level -d 'The least severe level that is logged: error, warn, info, debug or trace' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l log-format -d 'The format of the log: auto, plain, json or journald' -r -f -a "auto\t''
plain\t''
json\t''
journald\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l status-listen -d 'The address that serves /livez, /readyz, /metrics, /status and the status page: a port of 127.0.0.1, or ADDRESS:PORT' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l status-socket -d 'The Unix socket that serves the same: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l mint -d 'Obtain tokens for a session called "default" with the OAuth client in GENESYSCLOUD_OAUTHCLIENT_ID, GENESYSCLOUD_OAUTHCLIENT_SECRET and GENESYSCLOUD_REGION, or without a client use the token in GENESYSCLOUD_ACCESS_TOKEN'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l force -d 'Start although another daemon uses the same tokens, and never revoke any'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l config -d 'The configuration file; /etc/session-keepalive/config.toml if it exists and no token is named' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l region -d 'The region of the organisation, such as eu-central-1' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l token-file -d 'A file that contains a token: defines a session named "default" without a configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l intent -d 'The intent of sessions that do not set their own: keep or lapse' -r -f -a "keep\t''
lapse\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l grace -d 'The time limit of revocations when the daemon stops, such as 10s' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l log-level -d 'The least severe level that is logged: error, warn, info, debug or trace' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l log-format -d 'The format of the log: auto, plain, json or journald' -r -f -a "auto\t''
plain\t''
json\t''
journald\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l status-listen -d 'The address that serves /livez, /readyz, /metrics, /status and the status page: a port of 127.0.0.1, or ADDRESS:PORT' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l status-socket -d 'The Unix socket that serves the same: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l sink -d 'A file to write the token to for the command: FILE or FILE,FORMAT (bare, env, json, gc-profile)' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l wait -d 'The time to wait for live tokens before giving up' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l mint -d 'Obtain tokens for a session called "default" with the OAuth client in GENESYSCLOUD_OAUTHCLIENT_ID, GENESYSCLOUD_OAUTHCLIENT_SECRET and GENESYSCLOUD_REGION, or without a client use the token in GENESYSCLOUD_ACCESS_TOKEN'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l force -d 'Start although another daemon uses the same tokens, and never revoke any'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l json -d 'Print the daemon\'s answer as JSON'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l watch -d 'Refresh every second'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l all -d 'List every session, however many there are'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -l json -d 'Print the daemon\'s answer as JSON'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -l timeout -d 'The maximum time to wait, such as 60s; unlimited by default' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand health" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand health" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand health" -l ready -d 'Check that every kept token is proven alive and within its margin'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand health" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand touch" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand touch" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand touch" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand keep" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand keep" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand keep" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand lapse" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand lapse" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand lapse" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -l pid -d 'The daemon\'s process ID; by default the variable MAINPID, otherwise the daemon is reached over its socket' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand stop" -l socket -d 'The daemon\'s socket; detected automatically if one daemon runs' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand stop" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand stop" -l leave -d 'Stop without revoking any token'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand stop" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke mint help" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke mint help" -f -a "show" -d 'Show the API\'s information about a token; changes nothing'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke mint help" -f -a "touch" -d 'Reset a token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke mint help" -f -a "revoke" -d 'Revoke a token immediately'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke mint help" -f -a "mint" -d 'Obtain a token with an OAuth client'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke mint help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l config -d 'The configuration file, for its sessions and connection settings' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l region -d 'The token\'s region, if no session is given' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l reset -d 'Reset the token\'s idle timer with the same call'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask for confirmation'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l config -d 'The configuration file, for its sessions and connection settings' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l region -d 'The token\'s region, if no session is given' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l get -d 'Touch with GET, for organisations that exclude HEAD'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l yes -d 'Do not ask for confirmation'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l json -d 'Print one JSON object'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l config -d 'The configuration file, for its sessions and connection settings' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l region -d 'The token\'s region, if no session is given' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l yes -d 'Do not ask for confirmation'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l json -d 'Print one JSON object'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from mint" -l config -d 'The configuration file, for its sessions and connection settings' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from mint" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the OAuth client of this session instead of the one in the environment' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from mint" -l sink -d 'A file to write the token to: FILE or FILE,FORMAT (bare, env, json, gc-profile)' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from mint" -l stdout -d 'Print the token itself, and the facts about it to standard error'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from mint" -l yes -d 'Print the token even if standard output is a terminal'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from mint" -l json -d 'Print one JSON object with the facts'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from mint" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the API\'s information about a token; changes nothing'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "touch" -d 'Reset a token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Revoke a token immediately'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "mint" -d 'Obtain a token with an OAuth client'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -f -a "show" -d 'Show the organisation\'s idle timeout and those of its groups; may reset the token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -f -a "set" -d 'Set the organisation\'s idle timeout; nothing else is changed'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -f -a "disable" -d 'Disable the organisation\'s idle timeout; group timeouts are not changed'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l config -d 'The configuration file, for its sessions and connection settings' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l region -d 'The token\'s region, if no session is given' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask for confirmation'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l config -d 'The configuration file, for its sessions and connection settings' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l region -d 'The token\'s region, if no session is given' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l force -d 'Send a value outside the documented range'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l yes -d 'Do not ask for confirmation'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l json -d 'Print one JSON object'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l config -d 'The configuration file, for its sessions and connection settings' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l region -d 'The token\'s region, if no session is given' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l yes -d 'Do not ask for confirmation'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l json -d 'Print one JSON object'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the organisation\'s idle timeout and those of its groups; may reset the token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set the organisation\'s idle timeout; nothing else is changed'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from help" -f -a "disable" -d 'Disable the organisation\'s idle timeout; group timeouts are not changed'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and not __fish_seen_subcommand_from revoke help" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and not __fish_seen_subcommand_from revoke help" -f -a "revoke" -d 'Log a user out everywhere: revoke all tokens of the user, including refresh tokens'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and not __fish_seen_subcommand_from revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l config -d 'The configuration file, for its sessions and connection settings' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l region -d 'The token\'s region, if no session is given' -r -f -a "us-east-1\t''
us-east-2\t''
us-west-2\t''
ca-central-1\t''
mx-central-1\t''
sa-east-1\t''
eu-west-1\t''
eu-west-2\t''
eu-central-1\t''
eu-central-2\t''
eusc-de-east-1\t''
me-central-1\t''
ap-south-1\t''
ap-southeast-1\t''
ap-southeast-2\t''
ap-northeast-1\t''
ap-northeast-2\t''
ap-northeast-3\t''"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l api -d 'The API\'s URL instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l yes -d 'Do not ask for confirmation'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l json -d 'Print one JSON object'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Log a user out everywhere: revoke all tokens of the user, including refresh tokens'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "demo" -d 'Show what the daemon does, against a simulator, in about a minute'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "simulate" -d 'Serve a simulated organisation over HTTP, for testing'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "check" -d 'Validate the configuration and summarize its effect'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "plan" -d 'Predict the request schedule and the longest outage it survives'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "doctor" -d 'Diagnose the installation and suggest fixes'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "run" -d 'Run the daemon until a signal stops it'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "exec" -d 'Run the daemon and, once the tokens are proven alive, a command'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "status" -d 'Show the state of a running daemon\'s sessions'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "explain" -d 'Show the history of a session and the cause of its token\'s death'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "wait" -d 'Wait until the tokens are proven alive'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "health" -d 'Report the daemon\'s health: a probe for images without a shell'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "touch" -d 'Touch a session\'s token now'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "keep" -d 'Keep a session\'s token alive from now on'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "lapse" -d 'Let a session\'s token lapse from now on'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "reload" -d 'Reload the configuration of a running daemon'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "stop" -d 'Stop a running daemon and wait until it has exited'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "token" -d 'Show, touch or revoke a token'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "timeout" -d 'Show or change the organisation\'s idle timeout'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "user" -d 'Revoke all tokens of a user'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "show" -d 'Show the API\'s information about a token; changes nothing'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "touch" -d 'Reset a token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "revoke" -d 'Revoke a token immediately'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "mint" -d 'Obtain a token with an OAuth client'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from timeout" -f -a "show" -d 'Show the organisation\'s idle timeout and those of its groups; may reset the token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from timeout" -f -a "set" -d 'Set the organisation\'s idle timeout; nothing else is changed'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from timeout" -f -a "disable" -d 'Disable the organisation\'s idle timeout; group timeouts are not changed'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "revoke" -d 'Log a user out everywhere: revoke all tokens of the user, including refresh tokens'

# The sessions of the configuration or the instance that the command line names, or of the
# configuration that the program finds.
function __fish_session_keepalive_sessions
    set -l words (commandline -opc)
    set -l config
    if set -l place (contains -i -- --config $words)
        set config --config $words[(math $place + 1)]
    end
    if set -l place (contains -i -- --instance $words)
        set config --config /etc/session-keepalive/$words[(math $place + 1)].toml
    end
    session-keepalive check --names $config 2>/dev/null
end
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand touch" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand keep" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand lapse" -f -a "(__fish_session_keepalive_sessions)"
