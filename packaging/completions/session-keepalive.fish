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
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "simulate" -d 'Serve a simulated organisation over HTTP, to try things against'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "check" -d 'Check the configuration and say what it means'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "plan" -d 'Predict the request schedule and the longest outage it survives'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "doctor" -d 'Look at everything that has to work, and say what to do'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "run" -d 'Run the daemon until a signal stops it'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "exec" -d 'Run a command beneath the daemon, once the tokens are proven alive'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "status" -d 'Show how the sessions of a running daemon do'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "explain" -d 'Tell what a session went through, and why its token died'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "wait" -d 'Wait until the tokens are proven alive'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "health" -d 'Say whether the daemon is well: a probe for images without a shell'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "touch" -d 'Have a running daemon touch a token now'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "keep" -d 'Have a running daemon keep a token alive from here on'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "lapse" -d 'Have a running daemon let a token lapse from here on'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "reload" -d 'Tell a running daemon to read its configuration again'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "stop" -d 'Stop a running daemon, and return when it has gone'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "token" -d 'Look at a token, touch it or revoke it'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "timeout" -d 'Look at the organisation\'s idle timeout, or change it'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "user" -d 'End every token of a user'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand demo" -l seconds -d 'How long it runs, in seconds; shorter than 30 shows less than it tells' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand demo" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l listen -d 'Where to listen' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l idle-timeout -d 'How long a token may idle; the real service has 5m to 8h' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l token -d 'A token that is there from the start; may be given several times. Without any, one is made up' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l lifetime -d 'How long a token lives at the most' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l client -d 'An OAuth client, ID:SECRET; may be given several times. Without any, every client gets tokens' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l mints-a-minute -d 'How many tokens the login host issues in a minute; unlimited by default' -r
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l token-file -d 'A file that holds a token: makes a session called "default" without a configuration file' -r -F
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l status-listen -d 'Where to answer /livez, /readyz, /metrics, /status and a page: a port of 127.0.0.1, or an address' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l status-socket -d 'The same on a Unix socket: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l names -d 'Print only the names of the sessions, one a line, without those of pools'
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l token-file -d 'A file that holds a token: makes a session called "default" without a configuration file' -r -F
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l status-listen -d 'Where to answer /livez, /readyz, /metrics, /status and a page: a port of 127.0.0.1, or an address' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l status-socket -d 'The same on a Unix socket: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l idle-timeout -d 'The organisation\'s idle timeout, such as 20m: 1s to 8h' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l json -d 'Print one JSON object, for machines'
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l token-file -d 'A file that holds a token: makes a session called "default" without a configuration file' -r -F
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l status-listen -d 'Where to answer /livez, /readyz, /metrics, /status and a page: a port of 127.0.0.1, or an address' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l status-socket -d 'The same on a Unix socket: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l touch -d 'Prove that touches of kept tokens move their idle deadline'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l mint -d 'Obtain a token with each OAuth client, check it and revoke it'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l as-root -d 'As root, read tokens and run token commands as root, whoever they belong to'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand doctor" -l json -d 'Print one JSON object, for machines'
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l token-file -d 'A file that holds a token: makes a session called "default" without a configuration file' -r -F
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l status-listen -d 'Where to answer /livez, /readyz, /metrics, /status and a page: a port of 127.0.0.1, or an address' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l status-socket -d 'The same on a Unix socket: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l mint -d 'Obtain tokens for a session called "default" with the OAuth client in GENESYSCLOUD_OAUTHCLIENT_ID, GENESYSCLOUD_OAUTHCLIENT_SECRET and GENESYSCLOUD_REGION'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l force -d 'Start beside another daemon that holds the same tokens, and never revoke any'
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l token-file -d 'A file that holds a token: makes a session called "default" without a configuration file' -r -F
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l status-listen -d 'Where to answer /livez, /readyz, /metrics, /status and a page: a port of 127.0.0.1, or an address' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l status-socket -d 'The same on a Unix socket: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l sink -d 'A file to write the token to for the command: FILE or FILE,FORMAT (bare, env, json, gc-profile)' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l wait -d 'How long to wait for the tokens before the command is given up' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l mint -d 'Obtain tokens for a session called "default" with the OAuth client in GENESYSCLOUD_OAUTHCLIENT_ID, GENESYSCLOUD_OAUTHCLIENT_SECRET and GENESYSCLOUD_REGION'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -l force -d 'Start beside another daemon that holds the same tokens, and never revoke any'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand exec" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l json -d 'What the daemon says as JSON'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l watch -d 'Draw it again every second'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -l all -d 'Every session, however many there are'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -l json -d 'What the daemon says as JSON'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -l timeout -d 'How long to wait at the most, such as 60s; for ever by default' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand health" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand health" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand health" -l ready -d 'Ask whether every kept token is proven alive and within its margin'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand health" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand touch" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand touch" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand touch" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand keep" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand keep" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand keep" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand lapse" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand lapse" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand lapse" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -l pid -d 'The daemon\'s process; by default what the variable MAINPID says, else it is asked over its socket' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand stop" -l socket -d 'The daemon\'s socket; found by itself where there is one daemon' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand stop" -l instance -d 'The instance of the systemd service: NAME of session-keepalive@NAME' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand stop" -l leave -d 'Leave every token alive'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand stop" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke help" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke help" -f -a "show" -d 'Show what the API says about a token; disturbs nothing'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke help" -f -a "touch" -d 'Reset a token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke help" -f -a "revoke" -d 'Revoke a token: it ends at once'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and not __fish_seen_subcommand_from show touch revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l config -d 'The configuration file: its sessions, and how it has the API reached' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l region -d 'The region that the token belongs to, where no session is named' -r -f -a "us-east-1\t''
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l reset -d 'Reset the token\'s idle timer with the same call'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l yes -d 'Do it without asking'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object, for machines'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l config -d 'The configuration file: its sessions, and how it has the API reached' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l region -d 'The region that the token belongs to, where no session is named' -r -f -a "us-east-1\t''
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l get -d 'Touch with GET, where the organisation does not count HEAD'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l yes -d 'Do it without asking'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -l json -d 'Print one JSON object, for machines'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from touch" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l config -d 'The configuration file: its sessions, and how it has the API reached' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l region -d 'The region that the token belongs to, where no session is named' -r -f -a "us-east-1\t''
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l yes -d 'Do it without asking'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -l json -d 'Print one JSON object, for machines'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show what the API says about a token; disturbs nothing'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "touch" -d 'Reset a token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Revoke a token: it ends at once'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -f -a "show" -d 'Show the organisation\'s idle timeout and those of its groups; may reset the token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -f -a "set" -d 'Set the organisation\'s idle timeout; all else stays as it is'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -f -a "disable" -d 'Disable the organisation\'s idle timeout; those of its groups stay as they are'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and not __fish_seen_subcommand_from show set disable help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l config -d 'The configuration file: its sessions, and how it has the API reached' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l region -d 'The region that the token belongs to, where no session is named' -r -f -a "us-east-1\t''
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l yes -d 'Do it without asking'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object, for machines'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l config -d 'The configuration file: its sessions, and how it has the API reached' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l region -d 'The region that the token belongs to, where no session is named' -r -f -a "us-east-1\t''
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l force -d 'Send it although it is outside of what the API documents'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l yes -d 'Do it without asking'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -l json -d 'Print one JSON object, for machines'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l config -d 'The configuration file: its sessions, and how it has the API reached' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l region -d 'The region that the token belongs to, where no session is named' -r -f -a "us-east-1\t''
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l yes -d 'Do it without asking'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -l json -d 'Print one JSON object, for machines'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the organisation\'s idle timeout and those of its groups; may reset the token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set the organisation\'s idle timeout; all else stays as it is'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from help" -f -a "disable" -d 'Disable the organisation\'s idle timeout; those of its groups stay as they are'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand timeout; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and not __fish_seen_subcommand_from revoke help" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and not __fish_seen_subcommand_from revoke help" -f -a "revoke" -d 'Log a user out everywhere: ends every token of the user, refresh tokens included'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and not __fish_seen_subcommand_from revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l config -d 'The configuration file: its sessions, and how it has the API reached' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l session -f -a "(__fish_session_keepalive_sessions)" -d 'Use the token of this session of the configuration' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l token-file -d 'Use the token in this file; - is standard input' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l credential -d 'Use the token in this systemd credential' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l region -d 'The region that the token belongs to, where no session is named' -r -f -a "us-east-1\t''
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
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l yes -d 'Do it without asking'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -l json -d 'Print one JSON object, for machines'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Log a user out everywhere: ends every token of the user, refresh tokens included'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "demo" -d 'Show what the daemon does, against a simulator, in about a minute'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "simulate" -d 'Serve a simulated organisation over HTTP, to try things against'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "check" -d 'Check the configuration and say what it means'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "plan" -d 'Predict the request schedule and the longest outage it survives'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "doctor" -d 'Look at everything that has to work, and say what to do'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "run" -d 'Run the daemon until a signal stops it'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "exec" -d 'Run a command beneath the daemon, once the tokens are proven alive'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "status" -d 'Show how the sessions of a running daemon do'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "explain" -d 'Tell what a session went through, and why its token died'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "wait" -d 'Wait until the tokens are proven alive'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "health" -d 'Say whether the daemon is well: a probe for images without a shell'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "touch" -d 'Have a running daemon touch a token now'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "keep" -d 'Have a running daemon keep a token alive from here on'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "lapse" -d 'Have a running daemon let a token lapse from here on'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "reload" -d 'Tell a running daemon to read its configuration again'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "stop" -d 'Stop a running daemon, and return when it has gone'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "token" -d 'Look at a token, touch it or revoke it'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "timeout" -d 'Look at the organisation\'s idle timeout, or change it'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "user" -d 'End every token of a user'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from demo simulate check plan doctor run exec status explain wait health touch keep lapse reload stop token timeout user help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "show" -d 'Show what the API says about a token; disturbs nothing'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "touch" -d 'Reset a token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "revoke" -d 'Revoke a token: it ends at once'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from timeout" -f -a "show" -d 'Show the organisation\'s idle timeout and those of its groups; may reset the token\'s idle timer'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from timeout" -f -a "set" -d 'Set the organisation\'s idle timeout; all else stays as it is'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from timeout" -f -a "disable" -d 'Disable the organisation\'s idle timeout; those of its groups stay as they are'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "revoke" -d 'Log a user out everywhere: ends every token of the user, refresh tokens included'

# The sessions of the configuration that the command line names, or that the program finds.
function __fish_session_keepalive_sessions
    set -l words (commandline -opc)
    set -l config
    if set -l place (contains -i -- --config $words)
        set config --config $words[(math $place + 1)]
    end
    session-keepalive check --names $config 2>/dev/null
end
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand status" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand explain" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand wait" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand touch" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand keep" -f -a "(__fish_session_keepalive_sessions)"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand lapse" -f -a "(__fish_session_keepalive_sessions)"
