//! Tests that the manual pages, the completions and the reference of the configuration match the
//! program.
//!
//! `UPDATE=1 cargo test --test it generated` regenerates them.

mod completions;
mod configuration;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use session_keepalive::cli;

/// Files by name.
type Files = BTreeMap<String, String>;

const NAME: &str = "session-keepalive";

/// Renders one page for the program, one for each of its commands, and one for its configuration.
fn pages() -> Files {
    let mut command = cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Files::new();
    add_pages(&command, &mut pages);
    pages.insert(format!("{NAME}.toml.5"), configuration::manual_page());
    pages
}

fn add_pages(command: &Command, pages: &mut Files) {
    for subcommand in command.get_subcommands() {
        add_pages(subcommand, pages);
    }
    let name = command.get_display_name().unwrap_or(NAME).to_owned();
    pages.insert(format!("{name}.1"), page(command.clone()));
}

/// Renders a page without version and date: it differs only if the command line does.
fn page(command: Command) -> String {
    let has_subcommands = command.has_subcommands();
    let is_configured = command
        .get_arguments()
        .any(|flag| flag.get_id() == "config");
    let man = Man::new(command)
        .source(NAME)
        .manual("session-keepalive manual");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    man.render_synopsis_section(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    man.render_options_section(&mut page).unwrap();
    if has_subcommands {
        man.render_subcommands_section(&mut page).unwrap();
    }
    man.render_extra_section(&mut page).unwrap();
    let mut page = String::from_utf8(page).unwrap();
    if is_configured {
        page += ".SH SEE ALSO\n\\fBsession\\-keepalive.toml\\fR(5)\n";
    }
    // roff requires quotes around an empty date: without them the next argument takes its place.
    page.replacen(" 1  ", " 1 \"\" ", 1)
        .replace(".SH EXTRA\n", ".SH NOTES\n")
}

/// Generates the files under the names that each shell expects.
fn completions() -> Files {
    let names = [
        (Shell::Bash, NAME.to_owned()),
        (Shell::Fish, format!("{NAME}.fish")),
        (Shell::Zsh, format!("_{NAME}")),
    ];
    let completions = names.map(|(shell, name)| (name, completions::of(shell)));
    completions.into()
}

fn folder(name: &str) -> PathBuf {
    root().join("packaging").join(name)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(folder: &Path) -> Files {
    let Ok(entries) = fs::read_dir(folder) else {
        return Files::new();
    };
    let files = entries.map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    files.collect()
}

fn write(folder: &Path, files: &Files) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    fs::create_dir_all(folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn is_current(name: &str, expected: &Files) {
    let folder = folder(name);
    if std::env::var_os("UPDATE").is_some() {
        write(&folder, expected);
    }
    let present = read(&folder);
    let names: Vec<_> = expected.keys().chain(present.keys()).collect();
    for file in names {
        assert!(
            expected.get(file) == present.get(file),
            "packaging/{name}/{file} is not what the program says; \
             `UPDATE=1 cargo test --test it generated` writes it anew"
        );
    }
}

#[test]
fn the_manual_pages_are_current() {
    is_current("man", &pages());
}

#[test]
fn the_completions_are_current() {
    is_current("completions", &completions());
}

/// Compares the text of a file with what it should be.
fn file_is_current(name: &str, expected: impl FnOnce(&str) -> String) {
    let path = root().join(name);
    let present = fs::read_to_string(&path).unwrap();
    let expected = expected(&present);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &expected).unwrap();
    } else {
        assert_eq!(
            present, expected,
            "{name} is not what the schema says; `UPDATE=1 cargo test --test it generated` writes it anew"
        );
    }
}

#[test]
fn the_commented_configuration_is_current() {
    file_is_current("config/session-keepalive.toml", |_| configuration::sample());
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    // The introduction above the mark is written by hand.
    let mark = "<!-- From here on generated from src/config/schema.rs. -->\n";
    file_is_current("packaging/docs/configuration.md", |present| {
        let (intro, _) = present.split_once(mark).expect("the page has the mark");
        format!("{intro}{mark}{}", configuration::reference())
    });
}
