//! Reads what the daemon answers as JSON, in the version that this program speaks.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{NoAnswer, Socket};
use crate::cli::exit::{Exit, complain};
use crate::config::{clean, nearest};
use crate::observe::report::{Report, VERSION};

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum NotShown {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("the daemon answered with status {0}: {1}")]
    Refused(u16, String),
    #[error("the daemon's answer is not understood")]
    NotUnderstood(#[source] serde_json::Error),
    #[error("the daemon speaks version {0} of the status, this program version {ours}: use the same program for both", ours = VERSION)]
    OtherVersion(u32),
    #[error("the daemon has no session {}{}", clean(.name), suggested(.near.as_deref()))]
    NoSuchSession { name: String, near: Option<String> },
}

/// What every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl NotShown {
    /// There is no session of this name among those of the report, which may have one like it.
    pub(in crate::cli) fn no_such_session(name: &str, report: &Report) -> Self {
        let known = report.sessions.iter().map(|it| it.name.as_str());
        Self::NoSuchSession {
            name: name.to_owned(),
            near: nearest(name, known).map(str::to_owned),
        }
    }

    /// Tells it, and says with the exit status what it is.
    pub(in crate::cli) fn complain(&self) -> Exit {
        complain(self);
        match self {
            Self::NoSuchSession { .. } => Exit::Usage,
            Self::NoAnswer(_)
            | Self::Refused(..)
            | Self::NotUnderstood(_)
            | Self::OtherVersion(_) => Exit::Unavailable,
        }
    }
}

impl Socket {
    /// `GET path`, read, and as it came.
    pub(in crate::cli) async fn report<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(T, String), NotShown> {
        let answer = self.get(path).await?;
        if answer.status != 200 {
            let said = answer.text().trim().to_owned();
            return Err(NotShown::Refused(answer.status, said));
        }
        let Version { version } =
            serde_json::from_slice(&answer.body).map_err(NotShown::NotUnderstood)?;
        if version != VERSION {
            return Err(NotShown::OtherVersion(version));
        }
        let report = serde_json::from_slice(&answer.body).map_err(NotShown::NotUnderstood)?;
        Ok((report, answer.text()))
    }
}

fn suggested(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!(": did you mean {near}?"))
}
