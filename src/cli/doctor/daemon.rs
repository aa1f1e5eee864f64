//! Whether a daemon runs, and whether it does what this configuration says.
//!
//! It must never give an order: a difference is told with the command that mends it.

use std::collections::BTreeMap;

use super::check::Check;
use super::session::Examined;
use crate::cli::socket::{NoAnswer, NotFound, NotShown, Socket};
use crate::config::{SessionConfig, SessionName, StatusConfig, StatusSocket};
use crate::observe::report::{Report, SessionReport};
use crate::observe::words::{Chain, new_token};
use crate::token::{Fingerprint, Source};

const SUBJECT: &str = "daemon";
const NAME: &str = "daemon";
const RELOAD: &str = "session-keepalive reload puts the configuration into force";

/// A session as it is configured, and the token that is at its source now.
type Wanted<'a> = (&'a SessionConfig, Option<Fingerprint>);

/// Asks the daemon, and compares what it cares for with what is configured.
pub(super) async fn examine(
    config: &StatusConfig,
    socket: &Socket,
    sessions: &BTreeMap<SessionName, SessionConfig>,
    examined: &[Examined],
) -> Vec<Check> {
    let socket = match &config.socket {
        _ if socket.is_named() => socket.clone(),
        StatusSocket::At(path) => Socket::at(path.clone()),
        StatusSocket::Auto => Socket::default(),
        StatusSocket::Off => {
            let finding = "not asked, since it has no socket: status.socket is off";
            return vec![Check::ok(SUBJECT, "answers", finding)];
        }
    };
    match socket.report("/status").await {
        Ok((report, _)) => compare(&report, &wanted(sessions, examined)),
        Err(error) => vec![silent(&error)],
    }
}

fn wanted<'a>(
    sessions: &'a BTreeMap<SessionName, SessionConfig>,
    examined: &[Examined],
) -> BTreeMap<&'a str, Wanted<'a>> {
    let found: BTreeMap<_, _> = examined
        .iter()
        .map(|it| (it.name.as_str(), it.fingerprint))
        .collect();
    let sessions = sessions.iter();
    sessions
        .map(|(name, session)| {
            let name = name.as_str();
            (name, (session, found.get(name).copied().flatten()))
        })
        .collect()
}

fn silent(error: &NotShown) -> Check {
    const NAME: &str = "answers";
    let why = Chain(error).to_string();
    match error {
        NotShown::NoAnswer(
            NoAnswer::NotFound(NotFound::Nowhere(_)) | NoAnswer::NotConnected { .. },
        ) => Check::warning(SUBJECT, NAME, why).advise(
            "if none is meant to run yet, all is well; else systemctl status session-keepalive says why it does not",
        ),
        NotShown::NoAnswer(NoAnswer::NotFound(_) | NoAnswer::Stranger { .. }) => {
            Check::warning(SUBJECT, NAME, why).advise("or name its socket with --socket")
        }
        NotShown::OtherVersion(_) => Check::warning(SUBJECT, NAME, why),
        NotShown::NoAnswer(NoAnswer::Broken { .. } | NoAnswer::TooSlow { .. })
        | NotShown::Refused(..)
        | NotShown::NotUnderstood(_)
        | NotShown::NoSuchSession { .. } => {
            Check::failure(SUBJECT, NAME, why).advise("look at its log")
        }
    }
}

/// What differs, and how each session does.
fn compare(report: &Report, wanted: &BTreeMap<&str, Wanted<'_>>) -> Vec<Check> {
    let mut checks = vec![answers(report)];
    for (name, wanted) in wanted {
        match report.sessions.iter().find(|it| it.name == *name) {
            Some(session) => of_session(session, wanted, &mut checks),
            None => checks.push(
                Check::failure(name, NAME, "the daemon does not care for this session")
                    .advise(RELOAD),
            ),
        }
    }
    for session in &report.sessions {
        let name = session.name.as_str();
        if !wanted.contains_key(name) {
            let finding = "the daemon cares for this session, which is not configured here";
            let check = Check::warning(name, NAME, finding);
            checks.push(check.advise(format!(
                "if this is the daemon's configuration, {RELOAD}; else name the other with --config"
            )));
        }
    }
    checks
}

fn answers(report: &Report) -> Check {
    const NAME: &str = "answers";
    let theirs = report.program.as_str();
    let ours = env!("CARGO_PKG_VERSION");
    if report.stopping {
        let check = Check::warning(SUBJECT, NAME, "it is stopping");
        return check.advise("its log says who asked for it");
    }
    if theirs != ours {
        let finding = format!("it is version {theirs}, this program {ours}");
        return Check::warning(SUBJECT, NAME, finding).advise(
            "session-keepalive stop --leave ends it and revokes nothing; then start the new one",
        );
    }
    Check::ok(SUBJECT, NAME, format!("it does, in version {theirs}"))
}

fn of_session(session: &SessionReport, (config, token): &Wanted<'_>, checks: &mut Vec<Check>) {
    let name = session.name.as_str();
    let before = checks.len();
    let (theirs, ours) = (session.intent.as_str(), config.intent.as_str());
    let configured = session.configured_intent.as_deref().unwrap_or(theirs);
    let settings = [
        ("intent", configured, ours),
        ("API", session.api.as_str(), config.api.as_str()),
        (
            "on_shutdown",
            session.on_shutdown.as_str(),
            config.on_shutdown.as_str(),
        ),
    ];
    // What becomes of it at the stop follows from the intent, unless somebody says otherwise.
    if let Some((what, theirs, ours)) = settings
        .into_iter()
        .find(|(_, theirs, ours)| theirs != ours)
    {
        let finding = format!("the daemon goes by {what} {theirs}, the configuration says {ours}");
        checks.push(Check::warning(name, NAME, finding).advise(RELOAD));
    }
    if configured != theirs {
        let finding = format!("somebody asked to {theirs} it, the configuration says {configured}");
        let advice = format!("session-keepalive {configured} {name} ends that");
        checks.push(Check::warning(name, NAME, finding).advise(advice));
    }
    let differs = token.and_then(|token| other_token(session, token, &config.token));
    checks.extend(differs);
    let trouble = session
        .trouble
        .as_deref()
        .filter(|_| session.state != "absent");
    let trouble = trouble.map_or_else(String::new, |trouble| format!("; {trouble}"));
    let standing = format!("{}{trouble}", session.standing);
    checks.push(
        if session.state == "lost" || session.state == "not revoked" {
            Check::failure(name, NAME, standing).advise_some(session.advice.clone())
        } else if session.warning {
            Check::warning(name, NAME, standing).advise_some(session.advice.clone())
        } else if checks.len() == before && token.is_some() {
            let source = &config.token;
            Check::ok(
                name,
                NAME,
                format!("{standing}; with the token of {source}"),
            )
        } else {
            Check::ok(name, NAME, standing)
        },
    );
}

/// The daemon has another token than the one that is at its source.
fn other_token(session: &SessionReport, ours: Fingerprint, source: &Source) -> Option<Check> {
    let ours = ours.to_string();
    let theirs = session.fingerprint.as_deref();
    if theirs == Some(ours.as_str()) || session.newer_token_waits {
        return None;
    }
    let theirs = theirs.unwrap_or("none");
    let finding = format!("the daemon has token {theirs}, {source} gives {ours}");
    Some(match source {
        // It may print another one each time.
        Source::Command(_) => Check::ok(&session.name, NAME, finding),
        Source::File(_) | Source::Env(_) | Source::Credential(_) => {
            Check::warning(&session.name, NAME, finding).advise(new_token(source))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags, Layers, load};
    use crate::observe::report::Moment;

    /// One session, called default, whose token is in the file `token`.
    fn config() -> Config {
        let flags = Flags {
            region: Some("eu-central-1".into()),
            token_file: Some("token".into()),
            ..Flags::default()
        };
        let layers = Layers {
            file: None,
            environment: Vec::new(),
            flags,
        };
        load(layers).unwrap().config
    }

    /// What the daemon tells if it does what is configured.
    fn agreeing() -> SessionReport {
        SessionReport {
            name: "default".to_owned(),
            intent: "keep".to_owned(),
            state: "held".to_owned(),
            standing: "held: touch in 7 m".to_owned(),
            fingerprint: Some(Fingerprint::of(b"a").to_string()),
            api: "https://api.mypurecloud.de".to_owned(),
            on_shutdown: "revoke".to_owned(),
            ..SessionReport::default()
        }
    }

    fn told(sessions: Vec<SessionReport>) -> Vec<String> {
        let now = Moment {
            at: String::new(),
            in_seconds: 0.0,
        };
        let report = Report {
            version: 1,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            now: String::new(),
            started: now,
            stopping: false,
            ready: true,
            summary: String::new(),
            kept: 1,
            lapsing: 0,
            states: BTreeMap::new(),
            warnings: 0,
            matching: sessions.len(),
            sessions,
            events: Vec::new(),
        };
        let config = config();
        let session = config.sessions.values().next().unwrap();
        let wanted = BTreeMap::from([("default", (session, Some(Fingerprint::of(b"a"))))]);
        let checks = compare(&report, &wanted);
        let lines = checks.iter().skip(1).map(Check::line);
        lines.map(|it| it.trim_end().to_owned()).collect()
    }

    #[test]
    fn a_daemon_that_does_what_is_configured_is_well() {
        assert_eq!(
            told(vec![agreeing()]),
            ["ok       default daemon: held: touch in 7 m; with the token of file token"]
        );
    }

    #[test]
    fn what_differs_is_told_with_what_mends_it() {
        let of = |change: fn(&mut SessionReport)| {
            let mut session = agreeing();
            change(&mut session);
            told(vec![session])[0].clone()
        };
        assert_eq!(
            of(|it| it.intent = "lapse".to_owned()),
            "warning  default daemon: the daemon goes by intent lapse, the configuration says keep; session-keepalive reload puts the configuration into force"
        );
        assert_eq!(
            of(|it| {
                it.intent = "lapse".to_owned();
                it.configured_intent = Some("keep".to_owned());
            }),
            "warning  default daemon: somebody asked to lapse it, the configuration says keep; session-keepalive keep default ends that"
        );
        assert_eq!(
            of(|it| it.fingerprint = Some("00000000".to_owned())),
            "warning  default daemon: the daemon has token 00000000, file token gives ca978112; a new token in file token takes over at once"
        );
        assert_eq!(
            of(|it| {
                it.state = "lost".to_owned();
                it.standing = "lost: refused".to_owned();
            }),
            "failure  default daemon: lost: refused"
        );
    }

    #[test]
    fn a_session_that_one_side_has_alone_is_told() {
        let mut other = agreeing();
        other.name = "crm".to_owned();
        let lines = told(vec![other]);
        assert!(
            lines[0].starts_with("failure  default daemon: the daemon does not care"),
            "{lines:#?}"
        );
        assert!(
            lines[1].starts_with("warning  crm daemon: the daemon cares for this session, which"),
            "{lines:#?}"
        );
    }
}
