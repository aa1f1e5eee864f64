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
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "run" -d 'Run the daemon until a signal stops it'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "check" -d 'Check the configuration and say what it means'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "plan" -d 'Foretell what the configuration makes the daemon do: when, how often, what an outage may last'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "reload" -d 'Tell a running daemon to read its configuration again'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "demo" -d 'Show what the daemon does, against a simulator inside this process, in about a minute'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "simulate" -d 'Serve a simulated organisation over HTTP, to try things against'
complete -c session-keepalive -n "__fish_session_keepalive_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l config -d 'The configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l region -d 'The region of the organisation, such as eu-central-1' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l token-file -d 'A file that holds a token: makes a session called "default" without a configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l intent -d 'What sessions are to get unless they say otherwise: keep or lapse' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l grace -d 'How long revocations may take when the daemon stops, such as 10s' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l log-level -d 'What is logged: error, warn, info, debug or trace' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l log-format -d 'How it is logged: auto, plain, json or journald' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l status-listen -d 'Where to answer /livez, /readyz, /metrics, /status and a page: a port of 127.0.0.1, or an address' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -l status-socket -d 'The same on a Unix socket: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand run" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l config -d 'The configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l region -d 'The region of the organisation, such as eu-central-1' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l token-file -d 'A file that holds a token: makes a session called "default" without a configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l intent -d 'What sessions are to get unless they say otherwise: keep or lapse' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l grace -d 'How long revocations may take when the daemon stops, such as 10s' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l log-level -d 'What is logged: error, warn, info, debug or trace' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l log-format -d 'How it is logged: auto, plain, json or journald' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l status-listen -d 'Where to answer /livez, /readyz, /metrics, /status and a page: a port of 127.0.0.1, or an address' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -l status-socket -d 'The same on a Unix socket: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand check" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l config -d 'The configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l region -d 'The region of the organisation, such as eu-central-1' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l api -d 'The API instead of a region, such as <https://api.mypurecloud.de>' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l token-file -d 'A file that holds a token: makes a session called "default" without a configuration file' -r -F
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l intent -d 'What sessions are to get unless they say otherwise: keep or lapse' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l grace -d 'How long revocations may take when the daemon stops, such as 10s' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l log-level -d 'What is logged: error, warn, info, debug or trace' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l log-format -d 'How it is logged: auto, plain, json or journald' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l status-listen -d 'Where to answer /livez, /readyz, /metrics, /status and a page: a port of 127.0.0.1, or an address' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l status-socket -d 'The same on a Unix socket: auto, off or a path' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l idle-timeout -d 'The organisation\'s idle timeout, such as 20m: 1s to 8h' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -l json -d 'Print one JSON object, for machines'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand plan" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -l pid -d 'The daemon\'s process; by default what the variable MAINPID says' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand reload" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand demo" -l seconds -d 'How long it runs, in seconds; shorter than 30 shows less than it tells' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand demo" -s h -l help -d 'Print help'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l listen -d 'Where to listen' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l idle-timeout -d 'How long a token may idle; the real service has 5m to 8h' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l token -d 'A token that is there from the start; may be given several times. Without any, one is made up' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l lifetime -d 'How long a token lives at the most' -r
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -l exclude -d 'A touch that the organisation excludes from its inactivity timeout' -r -f -a "head\t'`HEAD /tokens/me`'
get\t'`GET /tokens/me`'"
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand simulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from run check plan reload demo simulate help" -f -a "run" -d 'Run the daemon until a signal stops it'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from run check plan reload demo simulate help" -f -a "check" -d 'Check the configuration and say what it means'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from run check plan reload demo simulate help" -f -a "plan" -d 'Foretell what the configuration makes the daemon do: when, how often, what an outage may last'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from run check plan reload demo simulate help" -f -a "reload" -d 'Tell a running daemon to read its configuration again'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from run check plan reload demo simulate help" -f -a "demo" -d 'Show what the daemon does, against a simulator inside this process, in about a minute'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from run check plan reload demo simulate help" -f -a "simulate" -d 'Serve a simulated organisation over HTTP, to try things against'
complete -c session-keepalive -n "__fish_session_keepalive_using_subcommand help; and not __fish_seen_subcommand_from run check plan reload demo simulate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
