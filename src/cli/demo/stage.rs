//! The demo's stage: two simulated organisations, five tokens in files, and a configuration.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::simulate::wall_at_boot;
use super::report::{Report, Told};
use super::{APPLICATION_EVERY, IDLE_TIMEOUT, REPLACED_AFTER};
use crate::config::{self, Config, Errors, Layers};
use crate::daemon::{Stopped, clock};
use crate::observe::words::append;
use crate::sim::http::Handle;
use crate::sim::{IdleTimeout, Operation, Record, Server, Settings, TokenSpec};

/// A session of the demo.
pub(super) struct Role {
    pub(super) name: &'static str,
    /// What is special about it.
    pub(super) about: &'static str,
    pub(super) told: Told,
    intent: &'static str,
    excludes_head: bool,
}

/// Everyone who plays.
pub(super) const ROLES: [Role; 5] = [
    Role {
        name: "wallboard",
        about: "kept: nobody else uses its token",
        told: Told::Kept,
        intent: "keep",
        excludes_head: false,
    },
    Role {
        name: "crm",
        about: "to lapse: only looked at",
        told: Told::Lapses,
        intent: "lapse",
        excludes_head: false,
    },
    Role {
        name: "softphone",
        about: "kept: its application is active as well",
        told: Told::Kept,
        intent: "keep",
        excludes_head: false,
    },
    Role {
        name: "kiosk",
        about: "kept: its token is replaced midway",
        told: Told::Replaced,
        intent: "keep",
        excludes_head: false,
    },
    Role {
        name: "reports",
        about: "kept: its organisation does not count HEAD",
        told: Told::KeptByGet,
        intent: "keep",
        excludes_head: true,
    },
];

/// The token of a role, the first or the second.
pub(super) fn token(role: &Role, number: u8) -> String {
    format!("demo-token-{number}-of-{}", role.name)
}

/// Two simulated organisations and the files that hold their tokens.
pub(super) struct Stage {
    plain: Handle,
    excluding: Handle,
    folder: PathBuf,
}

impl Stage {
    /// Sets the stage.
    pub(super) async fn build() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!(
            "session-keepalive-demo-{}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        ));
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| no_folder(&folder, &error))?;
        let stage = Self {
            plain: organisation(false).await?,
            excluding: organisation(true).await?,
            folder,
        };
        for role in &ROLES {
            stage.write(role, 1)?;
        }
        Ok(stage)
    }

    /// The configuration as an operator would write it.
    pub(super) fn config(&self) -> Result<Config, Errors> {
        let path = self.folder.join("config.toml");
        let mut text = String::from("[shutdown]\ngrace = \"5s\"\n[status]\nsocket = \"off\"\n");
        for role in &ROLES {
            let api = self.organisation(role).base();
            append(
                &mut text,
                format_args!(
                    "[sessions.{name}]\napi = \"{api}\"\nintent = \"{intent}\"\ntoken = {{ file = \"{name}\" }}\n",
                    name = role.name,
                    intent = role.intent,
                ),
            );
        }
        // An unwritable file shows as an error of its reading.
        let _written = fs::write(&path, text);
        config::load(Layers {
            file: Some(&path),
            ..Layers::default()
        })
        .map(|loaded| loaded.config)
    }

    /// The application that shares a token uses it.
    pub(super) fn application_is_active(&self) {
        self.organisation(&ROLES[2])
            .server()
            .touch_by_application(&token(&ROLES[2], 1), clock::now());
    }

    /// One session gets another token.
    pub(super) fn replace_token(&self) {
        // The report shows it if this fails.
        let _written = self.write(&ROLES[3], 2);
    }

    /// What the server saw, and whether it is what was told.
    pub(super) fn report(&self, stopped: &Stopped, seconds: u64, planned: u64) -> Report {
        let record = |role: &Role, number| self.record(role, number);
        Report::new(record, stopped, seconds, planned)
    }

    fn record(&self, role: &Role, number: u8) -> Option<Record> {
        self.organisation(role)
            .server()
            .record(&token(role, number), clock::now())
    }

    fn organisation(&self, role: &Role) -> &Handle {
        if role.excludes_head {
            &self.excluding
        } else {
            &self.plain
        }
    }

    /// Makes a token known to the server and writes it to the session's file, whole or not at all.
    fn write(&self, role: &Role, number: u8) -> io::Result<()> {
        let token = token(role, number);
        let spec = TokenSpec::user(token.as_str(), role.name);
        self.organisation(role)
            .server()
            .add_token(spec, clock::now());
        let new = self.folder.join(".new");
        let mut options = fs::OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        io::Write::write_all(&mut &file, token.as_bytes())?;
        fs::rename(&new, Path::new(&self.folder).join(role.name))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The folder holds tokens of a simulator that ends with it.
        let _left = fs::remove_dir_all(&self.folder);
    }
}

async fn organisation(excludes_head: bool) -> io::Result<Handle> {
    let settings = Settings {
        timeout: IdleTimeout::of_organisation(IDLE_TIMEOUT),
        excluded: if excludes_head {
            vec![Operation::HeadMe]
        } else {
            Vec::new()
        },
        wall_at_boot: wall_at_boot(),
        ..Settings::default()
    };
    Handle::on_loopback(Server::new(settings, fastrand::u64(..)), clock::now).await
}

fn no_folder(folder: &Path, error: &io::Error) -> io::Error {
    let folder = folder.display();
    let message = format!(
        "the demo cannot make {folder} for its token files: {error}; set TMPDIR to a writable folder"
    );
    io::Error::new(error.kind(), message)
}

/// What is going to happen.
pub(super) fn introduction(seconds: u64) -> String {
    let mut text = format!(
        "A simulated organisation ends tokens that idle for {} s.\nFor {seconds} s the daemon cares for these:\n\n",
        IDLE_TIMEOUT.as_secs()
    );
    for role in &ROLES {
        append(
            &mut text,
            format_args!("  {:<10} {}\n", role.name, role.about),
        );
    }
    append(
        &mut text,
        format_args!(
            "\nThe softphone's application is active every {APPLICATION_EVERY} s;\nthe kiosk's token is replaced after {REPLACED_AFTER} s.\nThen the daemon stops and revokes what it kept.\n\n"
        ),
    );
    text
}
