//! The program's help, which groups the commands by purpose in the order in which they are needed,
//! and the text of `--version`: the version, the commit and the features of this build.
//!
//! It must never contain a description of a command: each is taken from the command's help.

use std::env::consts::{ARCH, OS};
use std::fmt::Write as _;
use std::sync::LazyLock;

use clap::Command;
use clap::builder::styling::Styles;

/// The headings and the commands below each, in the order in which a newcomer needs them.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "First steps",
        &["demo", "simulate", "check", "plan", "doctor", "run", "exec"],
    ),
    (
        "Query a running daemon",
        &["status", "explain", "wait", "health"],
    ),
    (
        "Control a running daemon",
        &["touch", "keep", "lapse", "reload", "stop"],
    ),
    ("Call the API directly", &["token", "timeout", "user"]),
];

/// The version, and a line each for the commit, the target and the features.
pub(super) static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let libc = if cfg!(target_env = "musl") {
        "musl"
    } else {
        "gnu"
    };
    let linked = if cfg!(target_feature = "crt-static") {
        "static"
    } else {
        "dynamic"
    };
    format!(
        "{}\ncommit: {}\ntarget: {ARCH}-{OS}-{libc}, {linked}\nfeatures: http1, http2, tls1.2, tls1.3, rustls, ring",
        env!("CARGO_PKG_VERSION"),
        commit(),
    )
});

/// Returns the help template of the program that has these commands.
pub(super) fn template(commands: &Command) -> String {
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (heading, names) in GROUPS {
        let known = names.iter();
        let known = known.filter_map(|name| commands.find_subcommand(name));
        add(&mut text, heading, known);
    }
    let others = commands.get_subcommands();
    add(
        &mut text,
        "Others",
        others.filter(|command| !is_grouped(command)),
    );
    let (style, end) = header();
    text + &format!("\n{style}Options:{end}\n{{options}}{{after-help}}")
}

fn is_grouped(command: &Command) -> bool {
    let mut groups = GROUPS.iter();
    groups.any(|(_, names)| names.contains(&command.get_name()))
}

fn add<'a>(text: &mut String, heading: &str, commands: impl Iterator<Item = &'a Command>) {
    let (style, end) = header();
    let name = Styles::styled();
    let name = name.get_literal();
    let mut lines = String::new();
    for command in commands {
        let about = command.get_about().map(ToString::to_string);
        let about = about.unwrap_or_default();
        let title = command.get_name();
        // Writing to a string never fails.
        let _always = writeln!(lines, "  {name}{title:<8}{name:#}  {about}");
    }
    if !lines.is_empty() {
        let _always = write!(text, "\n{style}{heading}:{end}\n{lines}");
    }
}

fn header() -> (String, String) {
    let styles = Styles::styled();
    let style = styles.get_header();
    (style.to_string(), format!("{style:#}"))
}

/// Returns the commit in the variable `BUILD_COMMIT` of the build, which needs no git.
fn commit() -> &'static str {
    match option_env!("BUILD_COMMIT") {
        Some(commit) if !commit.is_empty() => commit,
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_a_group_and_fits_eighty_columns() {
        let command = crate::cli::command();
        for command in command.get_subcommands() {
            assert!(is_grouped(command), "{}", command.get_name());
            let about = command.get_about().unwrap().to_string();
            assert!(about.len() <= 68, "{about}");
        }
        let shown: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        let grouped = GROUPS.iter().flat_map(|(_, names)| names.iter().copied());
        let grouped: Vec<_> = grouped.collect();
        assert_eq!(shown, grouped, "the manual page has the same order");
    }
}
