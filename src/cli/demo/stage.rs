//! The servers of the demo: two simulated organisations, five tokens in files, and a configuration.

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::super::simulate::wall_at_boot;
use super::report::DemoReportStyle;
use super::{APPLICATION_EVERY, IDLE_TIMEOUT, REPLACED_AFTER};
use crate::config::{self, Config, Errors, Layers};
use crate::sim::http::Handle;
use crate::sim::{IdleSettings, Operation, Record, Server, Settings, TokenSpec};
use crate::status::phrases::append;
use crate::sys::clock;

/// A session of the demo.
pub(super) struct Role {
    pub(super) name: &'static str,
    /// The description in the introduction.
    pub(super) about: &'static str,
    pub(super) style: DemoReportStyle,
    intent: &'static str,
    excludes_head: bool,
}

/// The sessions of the demo.
pub(super) const ROLES: [Role; 5] = [
    Role {
        name: "wallboard",
        about: "kept: nobody else uses its token",
        style: DemoReportStyle::Kept,
        intent: "keep",
        excludes_head: false,
    },
    Role {
        name: "crm",
        about: "to lapse: only looked at",
        style: DemoReportStyle::Lapses,
        intent: "lapse",
        excludes_head: false,
    },
    Role {
        name: "softphone",
        about: "kept: its application is active as well",
        style: DemoReportStyle::Kept,
        intent: "keep",
        excludes_head: false,
    },
    Role {
        name: "kiosk",
        about: "kept: its token is replaced midway",
        style: DemoReportStyle::Replaced,
        intent: "keep",
        excludes_head: false,
    },
    Role {
        name: "reports",
        about: "kept: its organisation does not count HEAD",
        style: DemoReportStyle::KeptByGet,
        intent: "keep",
        excludes_head: true,
    },
];

/// Returns the first or the second token of a session.
pub(super) fn token(role: &Role, number: u8) -> String {
    format!("demo-token-{number}-of-{}", role.name)
}

/// Two simulated organisations and the files that hold their tokens.
pub(super) struct DemoServers {
    plain: Handle,
    excluding: Handle,
    folder: PathBuf,
}

impl DemoServers {
    /// Starts both organisations and writes the first token of each session to its file.
    pub(super) async fn build() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!(
            "session-keepalive-demo-{}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        ));
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| folder_error(&folder, &error))?;
        let servers = Self {
            plain: organisation(false).await?,
            excluding: organisation(true).await?,
            folder,
        };
        for role in &ROLES {
            servers.write(role, 1)?;
        }
        Ok(servers)
    }

    /// Writes the configuration as an operator would, and loads it.
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
        // A file that cannot be written shows as an error when it is read below.
        let _written = fs::write(&path, text);
        config::load(Layers {
            file: Some(&path),
            ..Layers::default()
        })
        .map(|loaded| loaded.config)
    }

    /// Uses the softphone's token as the application that shares it would.
    pub(super) fn use_token_by_application(&self) {
        self.organisation(&ROLES[2])
            .server()
            .touch_by_application(&token(&ROLES[2], 1), clock::now());
    }

    /// Replaces the kiosk's token with its second one.
    pub(super) fn replace_token(&self) {
        // A failed write shows in the report: the second token is never used.
        let _written = self.write(&ROLES[3], 2);
    }

    /// Returns the server's record of a token.
    pub(super) fn record(&self, role: &Role, number: u8) -> Option<Record> {
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

    /// Adds a token to the server and writes it atomically to the session's file.
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

impl Drop for DemoServers {
    fn drop(&mut self) {
        // A folder that cannot be removed does no harm: its tokens end with the simulator.
        let _left = fs::remove_dir_all(&self.folder);
    }
}

async fn organisation(excludes_head: bool) -> io::Result<Handle> {
    let settings = Settings {
        timeout: IdleSettings::of_organisation(IDLE_TIMEOUT),
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

fn folder_error(folder: &Path, error: &io::Error) -> io::Error {
    let folder = folder.display();
    let message = format!(
        "the demo cannot make {folder} for its token files: {error}; set TMPDIR to a writable folder"
    );
    io::Error::new(error.kind(), message)
}

/// Returns the text that announces what the demo will show.
pub(super) fn introduction(seconds: u64) -> String {
    let mut text = format!(
        "A simulated organisation ends tokens that idle for {}s.\nFor {seconds}s the daemon manages these sessions:\n\n",
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
            "\nThe softphone's application is active every {APPLICATION_EVERY}s;\nthe kiosk's token is replaced after {REPLACED_AFTER}s.\nThen the daemon stops and revokes what it kept.\n\n"
        ),
    );
    text
}
