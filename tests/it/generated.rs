//! Manual pages and completions are what the command line says today.
//!
//! `UPDATE=1 cargo test generated` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use session_keepalive::cli;

/// Files by their name.
type Files = BTreeMap<String, String>;

const NAME: &str = "session-keepalive";

/// One page for the program and one for each of its commands.
fn pages() -> Files {
    let mut command = cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Files::new();
    add_pages(&command, &mut pages);
    pages
}

fn add_pages(command: &Command, pages: &mut Files) {
    for subcommand in command.get_subcommands() {
        add_pages(subcommand, pages);
    }
    let name = command.get_display_name().unwrap_or(NAME).to_owned();
    pages.insert(format!("{name}.1"), page(command.clone()));
}

/// A page without version and date: it only differs when the command line does.
fn page(command: Command) -> String {
    let has_subcommands = command.has_subcommands();
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
    let page = String::from_utf8(page).unwrap();
    // An empty date has to be quoted, or what follows takes its place.
    page.replacen(" 1  ", " 1 \"\" ", 1)
        .replace(".SH EXTRA\n", ".SH NOTES\n")
}

/// The files under the names by which each shell looks for them.
fn completions() -> Files {
    let names = [
        (Shell::Bash, NAME.to_owned()),
        (Shell::Fish, format!("{NAME}.fish")),
        (Shell::Zsh, format!("_{NAME}")),
    ];
    let completions = names.map(|(shell, name)| {
        let mut text = Vec::new();
        generate(shell, &mut cli::command(), NAME, &mut text);
        (name, String::from_utf8(text).unwrap())
    });
    completions.into()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(name)
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

fn is_current(name: &str, wanted: &Files) {
    let folder = folder(name);
    if std::env::var_os("UPDATE").is_some() {
        write(&folder, wanted);
    }
    let there = read(&folder);
    let names: Vec<_> = wanted.keys().chain(there.keys()).collect();
    for file in names {
        assert!(
            wanted.get(file) == there.get(file),
            "packaging/{name}/{file} is not what the command line says; \
             `UPDATE=1 cargo test generated` writes it anew"
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
