//! The servers of the demo: three simulated organisations, five tokens in files, an OAuth client and
//! a configuration.

use std::cell::Cell;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::super::simulate::wall_at_boot;
use super::{APPLICATION_EVERY, DemoReportStyle, IDLE_TIMEOUT, LIFETIME, REPLACED_AFTER};
use crate::config::{self, Config, Errors, Layers};
use crate::sim::http::Handle;
use crate::sim::{ApiOperation, IdleSettings, Record, Server, Settings, TokenSpec};
use crate::status::phrases::append;
use crate::sys::clock;

/// A session of the demo.
pub(super) struct Role {
    pub(super) name: &'static str,
    /// The description in the introduction.
    pub(super) about: &'static str,
    pub(super) style: DemoReportStyle,
    intent: &'static str,
    organisation: DemoOrganisation,
}

/// A simulated organisation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DemoOrganisation {
    Plain,
    /// `HEAD` does not reset the idle timer.
    ExcludingHead,
    /// Its login host issues tokens that live for [`LIFETIME`].
    Issuing,
}

/// The OAuth client and its secret.
const CLIENT: &str = "demo-client";
const SECRET: &str = "demo-secret-of-the-client";
/// The file from which the application of the session with the client reads its token.
const SINK: &str = "lobby-token";

/// The sessions of the demo.
pub(super) const ROLES: [Role; 6] = [
    Role {
        name: "wallboard",
        about: "kept: nobody else uses its token",
        style: DemoReportStyle::Kept,
        intent: "keep",
        organisation: DemoOrganisation::Plain,
    },
    Role {
        name: "crm",
        about: "to lapse: only looked at",
        style: DemoReportStyle::Lapses,
        intent: "lapse",
        organisation: DemoOrganisation::Plain,
    },
    Role {
        name: "softphone",
        about: "kept: its application is active as well",
        style: DemoReportStyle::Kept,
        intent: "keep",
        organisation: DemoOrganisation::Plain,
    },
    Role {
        name: "kiosk",
        about: "kept: its token is replaced midway",
        style: DemoReportStyle::Replaced,
        intent: "keep",
        organisation: DemoOrganisation::Plain,
    },
    Role {
        name: "reports",
        about: "kept: its organisation does not count HEAD",
        style: DemoReportStyle::KeptByGet,
        intent: "keep",
        organisation: DemoOrganisation::ExcludingHead,
    },
    Role {
        name: "lobby",
        about: "kept: its tokens are obtained, and its application follows a file",
        style: DemoReportStyle::Minted,
        intent: "keep",
        organisation: DemoOrganisation::Issuing,
    },
];

/// Returns the first or the second token of a session.
pub(super) fn token(role: &Role, number: u8) -> String {
    format!("demo-token-{number}-of-{}", role.name)
}

/// Three simulated organisations and the files that hold their tokens.
pub(super) struct DemoServers {
    plain: Handle,
    excluding: Handle,
    issuing: Handle,
    folder: PathBuf,
    /// The calls that the API refused to the application that follows its file.
    refused: Cell<u32>,
}

impl DemoServers {
    /// Starts the organisations and writes the first token of each session to its file.
    pub(super) async fn build() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!(
            "session-keepalive-demo-{}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        ));
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| folder_error(&folder, &error))?;
        let servers = Self {
            plain: start(DemoOrganisation::Plain).await?,
            excluding: start(DemoOrganisation::ExcludingHead).await?,
            issuing: start(DemoOrganisation::Issuing).await?,
            folder,
            refused: Cell::new(0),
        };
        for role in &ROLES {
            match role.organisation {
                DemoOrganisation::Plain | DemoOrganisation::ExcludingHead => {
                    servers.add(role, 1)?;
                }
                DemoOrganisation::Issuing => servers.write(role.name, SECRET)?,
            }
        }
        Ok(servers)
    }

    /// Writes the configuration as an operator would, and loads it.
    pub(super) fn config(&self) -> Result<Config, Errors> {
        let path = self.folder.join("config.toml");
        let mut text = String::from("[shutdown]\ngrace = \"5s\"\n[status]\nsocket = \"off\"\n");
        for role in &ROLES {
            let (name, intent) = (role.name, role.intent);
            let api = self.organisation(role).base();
            let source = match role.organisation {
                DemoOrganisation::Plain | DemoOrganisation::ExcludingHead => {
                    format!("token = {{ file = \"{name}\" }}")
                }
                DemoOrganisation::Issuing => format!(
                    "token = {{ mint = {{ login = \"{api}\", client_id = \"{CLIENT}\", client_secret = {{ file = \"{name}\" }} }} }}\n\
                     sink = {{ file = \"{sink}\" }}\noverlap = \"5s\"",
                    sink = self.folder.join(SINK).display(),
                ),
            };
            append(
                &mut text,
                format_args!(
                    "[sessions.{name}]\napi = \"{api}\"\nintent = \"{intent}\"\n{source}\n"
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

    /// Uses the token in the lobby's file as the application that follows it would.
    pub(super) fn use_token_of_file(&self) {
        // There is no file before the first token is proven.
        if let Ok(token) = fs::read_to_string(self.folder.join(SINK)) {
            let mut server = self.issuing.server();
            if !server.touch_by_application(token.trim_end(), clock::now()) {
                self.refused.set(self.refused.get() + 1);
            }
        }
    }

    /// Returns the number of calls that the API refused to the application that follows its file.
    pub(super) fn refused(&self) -> u32 {
        self.refused.get()
    }

    /// Replaces the kiosk's token with its second one.
    pub(super) fn replace_token(&self) {
        // A failed write shows in the report: the second token is never used.
        let _written = self.add(&ROLES[3], 2);
    }

    /// Returns the server's records of a session's tokens, in their order.
    pub(super) fn records(&self, role: &Role) -> Vec<Record> {
        let server = self.organisation(role).server();
        let now = clock::now();
        if role.organisation == DemoOrganisation::Issuing {
            return server.records(now).map(|(_, record)| record).collect();
        }
        let records = [1, 2].map(|number| server.record(&token(role, number), now));
        records.into_iter().flatten().collect()
    }

    fn organisation(&self, role: &Role) -> &Handle {
        match role.organisation {
            DemoOrganisation::Plain => &self.plain,
            DemoOrganisation::ExcludingHead => &self.excluding,
            DemoOrganisation::Issuing => &self.issuing,
        }
    }

    /// Adds a token to the server and writes it to the session's file.
    fn add(&self, role: &Role, number: u8) -> io::Result<()> {
        let token = token(role, number);
        let spec = TokenSpec::user(token.as_str(), role.name);
        self.organisation(role)
            .server()
            .add_token(spec, clock::now());
        self.write(role.name, &token)
    }

    /// Replaces a file atomically.
    fn write(&self, name: &str, content: &str) -> io::Result<()> {
        let new = self.folder.join(".new");
        let mut options = fs::OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        io::Write::write_all(&mut &file, content.as_bytes())?;
        fs::rename(&new, Path::new(&self.folder).join(name))
    }
}

impl Drop for DemoServers {
    fn drop(&mut self) {
        // A folder that cannot be removed does no harm: its tokens end with the simulator.
        let _left = fs::remove_dir_all(&self.folder);
    }
}

async fn start(organisation: DemoOrganisation) -> io::Result<Handle> {
    let mut settings = Settings {
        timeout: IdleSettings::of_organisation(IDLE_TIMEOUT),
        wall_at_boot: wall_at_boot(),
        ..Settings::default()
    };
    match organisation {
        DemoOrganisation::Plain => {}
        DemoOrganisation::ExcludingHead => settings.excluded = vec![ApiOperation::HeadMe],
        DemoOrganisation::Issuing => {
            settings.lifetime = LIFETIME;
            settings.clients = vec![(CLIENT.to_owned(), SECRET.to_owned())];
        }
    }
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
            "\nThe softphone's application is active every {APPLICATION_EVERY}s;\nthe kiosk's token is replaced after {REPLACED_AFTER}s.\nThe lobby's tokens live for {lifetime}s: each is replaced before that.\nThen the daemon stops and revokes what it kept.\n\n",
            lifetime = LIFETIME.as_secs(),
        ),
    );
    text
}
