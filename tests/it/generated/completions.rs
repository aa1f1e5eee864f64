//! The completions of three shells: those of clap, which know commands, options and fixed values, and
//! the names of sessions, which the shell asks the program for.

use clap::{Arg, Command};
use clap_complete::{Shell, generate};
use session_keepalive::cli;

use super::NAME;

/// The names of arguments that are sessions.
const SESSION_ARGUMENTS: [&str; 3] = ["name", "names", "session"];

/// A command with an argument that is a session.
struct CompletedCommand {
    /// The words of the command after the name of the program.
    words: Vec<String>,
    /// The option for the session; `None` if it is given without one.
    option: Option<String>,
    /// The options of the command that take a value.
    valued: Vec<String>,
}

/// Returns the completion of bash, zsh or fish.
pub(super) fn of(shell: Shell) -> String {
    let mut text = Vec::new();
    generate(shell, &mut cli::completed_command(), NAME, &mut text);
    let text = String::from_utf8(text).unwrap();
    let mut commands = Vec::new();
    find(&cli::command(), &[], &mut commands);
    if shell == Shell::Bash {
        bash(&text, &commands)
    } else if shell == Shell::Zsh {
        zsh(&text)
    } else {
        fish(&text, &commands)
    }
}

fn find(command: &Command, words: &[String], found: &mut Vec<CompletedCommand>) {
    let is_session = |argument: &&Arg| SESSION_ARGUMENTS.contains(&argument.get_id().as_str());
    if let Some(argument) = command.get_arguments().find(is_session) {
        let options = command.get_arguments();
        let valued = options.filter(|argument| argument.get_action().takes_values());
        found.push(CompletedCommand {
            words: words.to_vec(),
            option: argument.get_long().map(str::to_owned),
            valued: valued
                .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
                .collect(),
        });
    }
    for subcommand in command.get_subcommands() {
        let words = [words, &[subcommand.get_name().to_owned()]].concat();
        find(subcommand, &words, found);
    }
}

/// Puts a function around that of clap, which adds the sessions to what that one found.
fn bash(text: &str, commands: &[CompletedCommand]) -> String {
    let case = |command: &CompletedCommand| {
        let words = command.words.join(" ");
        match &command.option {
            Some(option) => {
                format!("        \"{words} \"*) [ \"$3\" != --{option} ] || names=only ;;\n")
            }
            None => format!(
                "        \"{words} \"*) case $2:$3 in -* | *:{}) ;; *) names=too ;; esac ;;\n",
                command.valued.join(" | *:")
            ),
        }
    };
    let cases = commands.iter().map(case).collect::<Vec<_>>().concat();
    let function = format!(
        r#"
# Adds the sessions of the configuration or the instance that the command line names, or of the
# configuration that the program finds.
_session_keepalive_with_sessions() {{
    local names='' config=() place line
    _session__keepalive "$@"
    case "${{COMP_WORDS[*]:1:COMP_CWORD-1}} " in
{cases}    esac
    [ -n "$names" ] || return 0
    for ((place = 1; place < COMP_CWORD; place++)); do
        case ${{COMP_WORDS[place]}} in
        --config) config=(--config "${{COMP_WORDS[place + 1]}}") ;;
        --instance) config=(--config "/etc/session-keepalive/${{COMP_WORDS[place + 1]}}.toml") ;;
        esac
    done
    [ "$names" != only ] || COMPREPLY=()
    while IFS= read -r line; do
        case $line in "$2"*) COMPREPLY+=("$line") ;; esac
    done < <(session-keepalive check --names "${{config[@]}}" 2>/dev/null)
}}
"#
    );
    // clap_complete takes the dash of the program's name for the end of a command, but only in the
    // names by which it looks up what it has found.
    let text = text.replace("session__subcmd__keepalive", "session__keepalive");
    let (before, after) = text.rsplit_once("\nif [[").unwrap();
    let after = after.replace(
        "complete -F _session__keepalive ",
        "complete -F _session_keepalive_with_sessions ",
    );
    format!("{before}{function}\nif [[{after}")
}

/// Names a function as the completion of the arguments that are sessions.
fn zsh(text: &str) -> String {
    let function = r#"
# The sessions of the configuration or the instance that the command line names, or of the
# configuration that the program finds.
_session-keepalive_sessions() {
    local -a config names
    local place=${words[(I)--config]}
    (( place == 0 )) || config=(--config "${(Q)words[place + 1]}")
    place=${words[(I)--instance]}
    (( place == 0 )) || config=(--config "/etc/session-keepalive/${(Q)words[place + 1]}.toml")
    names=("${(@f)$(session-keepalive check --names $config 2>/dev/null)}")
    compadd -a names
}
"#;
    let lines = text.lines().map(|line| {
        let is_session = SESSION_ARGUMENTS.iter().any(|name| {
            line.contains(&format!(":{name} -- "))
                || line.starts_with(&format!("'--{name}=["))
                || line.contains(&format!(")--{name}=["))
        });
        let sessions = if is_session {
            ":_session-keepalive_sessions'"
        } else {
            ":_default'"
        };
        line.replace(":_default'", sessions) + "\n"
    });
    let text = lines.collect::<String>();
    let (head, rest) = text.split_once("\n\n").unwrap();
    format!("{head}\n{function}\n{rest}")
}

/// Adds the sessions to the commands and options that take one.
fn fish(text: &str, commands: &[CompletedCommand]) -> String {
    let mut text = text.replace(
        " -l session ",
        " -l session -f -a \"(__fish_session_keepalive_sessions)\" ",
    );
    text += r"
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
";
    let positional = commands.iter().filter(|command| command.option.is_none());
    let lines = positional.map(|command| {
        format!(
            "complete -c {NAME} -n \"__fish_session_keepalive_using_subcommand {}\" -f -a \"(__fish_session_keepalive_sessions)\"\n",
            command.words.join(" ")
        )
    });
    text.extend(lines);
    text
}
