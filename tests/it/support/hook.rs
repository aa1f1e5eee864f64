//! A hook that records its environment and input, and queries of running processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::keepalive::{Folder, text};

/// A script that records its variables, input, arguments, files, folder and process group in a
/// folder of its own, which is renamed when all is written: a test never sees half a record.
const RECORDER: &str = r#"
mkdir -p "$1/runs" && new=$(mktemp -d "$1/.new.XXXXXX")
cat >"$new/input"
cat /proc/$$/environ >"$new/environ"
cat /proc/$$/cmdline >"$new/arguments"
ls /proc/$$/fd >"$new/files"
pwd >"$new/folder"
cut -d ' ' -f 1,5 /proc/$$/stat >"$new/group"
mv "$new" "$1/runs/$SESSION_KEEPALIVE_EVENT-$SESSION_KEEPALIVE_SESSION-$$"
"#;

/// The record of one run of the recorder.
pub(crate) struct RecordedRun {
    /// The event, the session and the process id, separated by hyphens.
    pub(crate) name: String,
    pub(crate) input: String,
    pub(crate) variables: BTreeMap<String, String>,
    folder: PathBuf,
}

impl RecordedRun {
    /// Reads a file that the recorder wrote.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// Returns the value of a variable; `name` lacks the prefix `SESSION_KEEPALIVE_`.
    pub(crate) fn variable(&self, name: &str) -> &str {
        &self.variables[&format!("SESSION_KEEPALIVE_{name}")]
    }

    /// Returns a value of the JSON input.
    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        let json: serde_json::Value = serde_json::from_str(&self.input).unwrap();
        json[name].clone()
    }
}

/// Returns the part of a configuration for a hook that runs a shell script.
pub(crate) fn hook(folder: &Folder, name: &str, on: &[&str], script: &str, more: &str) -> String {
    // The shell reads the file, which is never executed itself: a process that another test forks
    // while the file is open for writing would make `exec` fail with ETXTBSY.
    let path = folder.write(&format!("{name}.sh"), script);
    let folder = folder.path("");
    let command = ["/bin/sh", text(&path), text(&folder)];
    format!("[hooks.{name}]\non = {on:?}\ncommand = {command:?}\n{more}\n")
}

/// Returns the part of a configuration for a recorder.
pub(crate) fn recorder(folder: &Folder, on: &[&str], more: &str) -> String {
    hook(folder, "recorder", on, RECORDER, more)
}

/// Returns the records so far, sorted by event and session.
pub(crate) fn hook_runs(folder: &Folder) -> Vec<RecordedRun> {
    let entries = fs::read_dir(folder.path("runs")).into_iter().flatten();
    let mut records: Vec<_> = entries.map(|entry| read(&entry.unwrap().path())).collect();
    records.sort_by(|left, right| left.name.cmp(&right.name));
    records
}

fn read(folder: &Path) -> RecordedRun {
    let environ = fs::read_to_string(folder.join("environ")).unwrap();
    let pairs = environ
        .split_terminator('\0')
        .map(|pair| pair.split_once('='));
    RecordedRun {
        name: text(folder).rsplit('/').next().unwrap().to_owned(),
        input: fs::read_to_string(folder.join("input")).unwrap(),
        variables: pairs
            .map(|pair| pair.unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        folder: folder.to_owned(),
    }
}

/// Returns the number of descendants of a process, including zombies.
pub(crate) fn descendants(of: u32) -> usize {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let name = entry.unwrap().file_name();
        let pid = name.to_str().and_then(|name| name.parse::<u32>().ok());
        if let Some(pid) = pid
            && let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat"))
        {
            // The program's name, in parentheses, may contain spaces and parentheses itself.
            let (_, rest) = stat.rsplit_once(')').unwrap();
            parents.insert(
                pid,
                rest.split_whitespace()
                    .nth(1)
                    .unwrap()
                    .parse::<u32>()
                    .unwrap(),
            );
        }
    }
    let is_below = |pid: &u32| {
        let chain = std::iter::successors(Some(*pid), |pid| parents.get(pid).copied());
        chain.skip(1).take(32).any(|ancestor| ancestor == of)
    };
    parents.keys().filter(|pid| is_below(pid)).count()
}

/// Returns true if the process exists and is not a zombie.
pub(crate) fn runs(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| {
        !stat
            .rsplit_once(')')
            .unwrap()
            .1
            .trim_start()
            .starts_with('Z')
    })
}
